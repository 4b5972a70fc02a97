"""Chained futures: a stage's future is settled by the next stage's."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def follow(future: Future[T], other: Future[T]) -> None:
    """Settle a running future with the result or error of another one when that is done."""
    other.add_done_callback(lambda done: _settle(future, done))


def _settle(future: Future[T], done: Future[T]) -> None:
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    else:
        future.set_exception(error)
