"""A pool of daemon threads for work that waits for a disk or a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class DaemonPool:
    """Runs functions in daemon threads; use it as a context manager.

    Unlike ``ThreadPoolExecutor``, it does not wait for its threads when the process
    exits, so that Ctrl-C ends a command at once even while a connection hangs.

    Args:
        size: The number of threads.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False

    def submit(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Run a function in the next free thread and return a future of its result."""
        future: Future[Result] = Future()

        def task() -> None:
            try:
                future.set_result(function(*args, **kwargs))
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
        # Let running tasks finish, and discard queued ones.
        self._closed = True
        for _ in range(self._size):
            self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._closed:
                task()
