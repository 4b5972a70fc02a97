"""Pages: parts of a long sequence with a maximum size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def pages(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Split a sequence into pages of ``size`` items; the last may have fewer."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
