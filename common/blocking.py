"""Announces that a thread is about to wait long, so that another one may run meanwhile.

Whoever shares out the right to run, as the API's thread pool does, names itself in its threads.
Elsewhere an announcement does nothing.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Runner(Protocol):
    """Lets its threads run."""

    def blocking(self) -> AbstractContextManager[None]:
        """Let another thread run during a block, in which the calling thread waits."""
        ...


class _OfThread(threading.local):
    runner: Runner | None = None


_of_thread = _OfThread()


def run_by(runner: Runner) -> None:
    """Make the announcements of this thread reach its runner."""
    _of_thread.runner = runner


def blocking() -> AbstractContextManager[None]:
    """Announce that this thread waits during a block: for a client, a worker, a disk or a bucket.

    Waits of a millisecond, as for Redis, are not worth it. The end of the block may wait until the
    thread may run again. Blocks must not be nested.
    """
    runner = _of_thread.runner
    return nullcontext() if runner is None else runner.blocking()
