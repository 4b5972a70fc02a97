"""A thread pool that lets few of its threads run at once, while the others wait for something.

A request that waits needs a thread of its own. Threads that run contend for the interpreter's
lock: a thread releases it at each system call, and then waits for all others that want it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from common.blocking import run_by


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that was submitted.

    Attributes:
        run: Runs it.
        due_at: When it begins at the latest, if a thread is free.
        future: Receives its result.
    """

    run: Callable[[], Any]
    due_at: float
    future: Future[Any] = field(default_factory=Future)

    def __call__(self) -> None:
        try:
            result = self.run()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class ThreadPool(Executor):
    """Runs calls in the order of their submission, few at once.

    A thread that blocks (``common/blocking.py``) lets another one run. If threads block without
    saying so, a call begins after ``wait_s`` nevertheless, so they cannot hold up all others.

    Args:
        threads_max: Maximum number of threads; one is started when a call needs it.
        running_max: Number of threads that run at once.
        wait_s: Maximum seconds for which a call, or a thread that has blocked, waits to run.
    """

    def __init__(self, threads_max: int, running_max: int, wait_s: float) -> None:
        self._threads_max = threads_max
        self._running_max = running_max
        self._wait_s = wait_s
        lock = threading.Lock()
        # The first is notified of calls, the second of room for threads that have blocked.
        self._calls_wait, self._room = threading.Condition(lock), threading.Condition(lock)
        self._lock = lock
        self._calls: deque[_Call] = deque()
        self._is_closed = False
        # Numbers of threads: all, those without a call, those of them that wait until the first
        # call is due, those that run, and those that have blocked and wait to run again.
        self._threads = self._idle = self._watching = self._running = self._returning = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Add a call; return the future of its result."""
        call = _Call(partial(fn, *args, **kwargs), time.monotonic() + self._wait_s)
        with self._lock:
            self._calls.append(call)
            self._admit()
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once they have no calls; does not wait for them."""
        del wait, cancel_futures
        with self._lock:
            self._is_closed = True
            self._calls_wait.notify_all()

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Let another thread run during a block, in which the calling thread waits."""
        with self._lock:
            self._running -= 1
            self._admit()
        try:
            yield
        finally:
            with self._lock:
                self._returning += 1
                self._room.wait_for(self._has_room, self._wait_s)
                self._returning -= 1
                self._running += 1
                self._admit()

    def _has_room(self) -> bool:
        return self._running < self._running_max

    def _admit(self) -> None:
        """Let the next thread run, if there is room: first one that has blocked."""
        if self._has_room() and self._returning:
            self._room.notify()
        elif self._calls and (self._has_room() or not self._watching):
            if self._idle:
                self._calls_wait.notify()
            elif self._threads < self._threads_max:
                self._threads += 1
                threading.Thread(target=self._work, name="request", daemon=True).start()

    def _work(self) -> None:
        """Run one call after the other."""
        run_by(self)
        while call := self._take():
            call()
            del call
            with self._lock:
                self._running -= 1
                if self._returning:
                    self._room.notify()

    def _take(self) -> _Call | None:
        """Wait for a call that may begin; None if the pool is closed."""
        with self._lock:
            while not self._may_begin():
                if self._is_closed and not self._calls:
                    return None
                self._wait()
            self._running += 1
            call = self._calls.popleft()
            self._admit()
            return call

    def _may_begin(self) -> bool:
        if not self._calls:
            return False
        is_next = self._has_room() and not self._returning
        return is_next or self._calls[0].due_at <= time.monotonic()

    def _wait(self) -> None:
        """Wait for a change, or until the first call is due."""
        due_s = self._calls[0].due_at - time.monotonic() if self._calls else None
        self._idle += 1
        self._watching += due_s is not None
        self._calls_wait.wait(due_s)
        self._watching -= due_s is not None
        self._idle -= 1
