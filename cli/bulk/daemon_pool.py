"""Threads for work that waits: for a disk, or for a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Crew:
    """Threads that do what they are given; use it as a context manager.

    An executor of the standard library waits for its threads when the process
    ends. These do not keep it: Ctrl-C ends a command at once, even while a
    connection hangs.

    Args:
        size: How many threads there are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False

    def submit(
        self,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Let the next free thread do some work, and return where its result will be."""
        future: Future[Result] = Future()

        def task() -> None:
            try:
                future.set_result(work(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        self._tasks.put(task)
        return future

    def __enter__(self) -> Self:
        for _ in range(self._size):
            threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What is under way ends by itself; what was not begun is not done.
        self._closed = True
        for _ in range(self._size):
            self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._closed:
                task()
