"""Pages: a long sequence taken a bounded part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def pages(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Return a sequence in parts of so many items; the last may have fewer."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
