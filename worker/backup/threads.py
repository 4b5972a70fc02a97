"""Runs a function on many originals concurrently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Originals copied concurrently, each in memory as a whole.
_COPIES = 8


def run_each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return a function's results in order; after an error, no other call begins."""
    threads = ThreadPoolExecutor(_COPIES)
    try:
        return list(threads.map(function, items))
    finally:
        threads.shutdown(cancel_futures=True)
