"""The decoders: threads that turn bytes into pictures ready for the model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from worker.futures import follow

T = TypeVar("T")

# Pieces of work that may wait for a decoder, for each decoder.
_WAITING_PER_THREAD = 2


class Decoders(Generic[T]):
    """A pool of threads that read and decode, and hand on what they have made.

    Its queue is bounded: ``submit`` blocks while it is full. A decoder that
    cannot hand on, since the next stage is full, holds what it has made and
    takes nothing more.

    Args:
        threads: How many.
        hand_on: Takes what was made; returns the future of what becomes of it.
    """

    def __init__(self, threads: int, hand_on: Callable[[T], Future[None]]) -> None:
        self._hand_on = hand_on
        self._room = threading.Semaphore(threads * (1 + _WAITING_PER_THREAD))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decoder")

    def submit(self, make: Callable[[], T]) -> Future[None]:
        """Make something and hand it on; the future settles as that of the next stage.

        Where ``make`` raises, the future raises the same.
        """
        outcome: Future[None] = Future()
        outcome.set_running_or_notify_cancel()
        self._room.acquire()
        try:
            self._pool.submit(self._run, make, outcome)
        except BaseException:
            self._room.release()
            raise
        return outcome

    def close(self) -> None:
        """Finish what is in hand and end the threads."""
        self._pool.shutdown()

    def _run(self, make: Callable[[], T], outcome: Future[None]) -> None:
        try:
            handed_on = self._hand_on(make())
        except BaseException as error:
            outcome.set_exception(error)
        else:
            follow(outcome, handed_on)
        finally:
            self._room.release()
