"""Futures that follow others: what one stage promises is settled by the next one."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def follow(future: Future[T], other: Future[T]) -> None:
    """Settle a running future as soon as another one is done, with its result or its error."""
    other.add_done_callback(lambda done: _settle(future, done))


def _settle(future: Future[T], done: Future[T]) -> None:
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    else:
        future.set_exception(error)
