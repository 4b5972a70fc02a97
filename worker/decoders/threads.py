"""The threads of a decoder: each reads one item at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Generic, TypeVar

from worker.futures import follow

T = TypeVar("T")


class DecoderThreads(Generic[T]):
    """A pool of threads that read and decode items and pass them to the next stage.

    An item that waits is only a function, so ``submit`` never blocks. A decoder blocks,
    keeping its item, while the next stage is full.

    Args:
        threads: Number of threads.
        forward: Passes an item to the next stage and returns its future.
    """

    def __init__(self, threads: int, forward: Callable[[T], Future[None]]) -> None:
        self._forward = forward
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decoder")

    def submit(self, make: Callable[[], T]) -> Future[None]:
        """Make an item and forward it; the future settles like that of the next stage.

        If ``make`` raises an error, the future raises it too.
        """
        outcome: Future[None] = Future()
        outcome.set_running_or_notify_cancel()
        # With the log fields of the task.
        self._pool.submit(copy_context().run, self._run, make, outcome)
        return outcome

    def close(self) -> None:
        """Finish the submitted items and stop the threads."""
        self._pool.shutdown()

    def _run(self, make: Callable[[], T], outcome: Future[None]) -> None:
        try:
            forwarded = self._forward(make())
        except BaseException as error:
            outcome.set_exception(error)
        else:
            follow(outcome, forwarded)
