"""The micro-batcher: items of many tasks, worked on together, settled one by one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from common.errors import ServiceError
from worker.futures import follow

T = TypeVar("T")
R = TypeVar("R")


class Closed(RuntimeError):
    """The batcher takes no more items."""


class Batcher(Generic[T, R]):
    """Collects items from any number of threads and works on them in batches.

    A thread takes up to ``batch_max`` items as soon as that many are there,
    or as many as there are once the oldest has waited ``wait_ms``, and calls
    ``process`` with them. Each item has a future of its own:

    - where ``process`` returns, every item gets its result; a result that is a
      future itself (the next stage's) settles the item when it settles;
    - where it raises ``ServiceError``, a part is away and every item gets that
      error: trying one by one would only wait longer;
    - where it raises anything else, the items are tried one by one, so that
      only those at fault fail.

    The queue is bounded: ``submit`` blocks while it is full, which slows down
    whoever produces items instead of filling the memory.

    Args:
        name: Name of the threads.
        process: Takes a batch; returns one result for each item, in their order.
        batch_max: Items in a batch, at most.
        wait_ms: Longest time an item waits for its batch to fill, in milliseconds.
        queue_max: Items that may wait.
        threads: Batches worked on at once, each by a thread.
    """

    def __init__(
        self,
        name: str,
        process: Callable[[list[T]], Sequence[R | Future[R]]],
        *,
        batch_max: int,
        wait_ms: float,
        queue_max: int,
        threads: int = 1,
    ) -> None:
        self._process = process
        self._batch_max = batch_max
        self._wait_s = wait_ms / 1000
        self._queue_max = max(queue_max, batch_max)
        # Item, its future, and when it came (time.monotonic).
        self._queue: deque[tuple[T, Future[R], float]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        # When a batch last succeeded, in seconds since 1970; 0 before the first.
        self.succeeded_at = 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: T) -> Future[R]:
        """Put one item into the queue; blocks while the queue is full.

        Raises:
            Closed: The batcher has been closed.
        """
        return self.submit_many([item])[0]

    def submit_many(self, items: Sequence[T]) -> list[Future[R]]:
        """Put items into the queue side by side; blocks while there is no room for all.

        Items that come together go into one batch where it has room. More
        items than the queue holds are let in once it is empty.
        """
        futures: list[Future[R]] = [Future() for _ in items]
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(len(items)))
            if self._closed:
                raise Closed("The batcher takes no more items.")
            now = time.monotonic()
            self._queue.extend(
                (item, future, now) for item, future in zip(items, futures, strict=True)
            )
            self._changed.notify_all()
        return futures

    def close(self) -> None:
        """Take no more items, finish those that wait, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _has_room(self, count: int) -> bool:
        return not self._queue or len(self._queue) + count <= self._queue_max

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle_all(batch)

    def _next_batch(self) -> list[tuple[T, Future[R]]]:
        """Wait for the next batch; an empty one means that the batcher is closed."""
        with self._changed:
            while not self._is_full():
                if self._closed and not self._queue:
                    return []
                self._changed.wait(self._seconds_left())
            count = min(len(self._queue), self._batch_max)
            batch = [self._queue.popleft()[:2] for _ in range(count)]
            self._changed.notify_all()
        return batch

    def _is_full(self) -> bool:
        """Tell whether a batch may go: it has all it can have, or has waited long enough."""
        if not self._queue:
            return False
        return self._closed or len(self._queue) >= self._batch_max or self._seconds_left() == 0

    def _seconds_left(self) -> float | None:
        """Seconds until the oldest item has waited long enough; None where nothing waits."""
        if not self._queue:
            return None
        return max(self._queue[0][2] + self._wait_s - time.monotonic(), 0)

    def _settle_all(self, batch: list[tuple[T, Future[R]]]) -> None:
        live = [entry for entry in batch if entry[1].set_running_or_notify_cancel()]
        if live:
            self._settle(live)

    def _settle(self, batch: list[tuple[T, Future[R]]]) -> None:
        try:
            results = self._process([item for item, _ in batch])
            _check_length(results, batch)
        except ServiceError as error:
            for _, future in batch:
                future.set_exception(error)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                for entry in batch:
                    self._settle([entry])
        else:
            self.succeeded_at = time.time()
            for (_, future), result in zip(batch, results, strict=True):
                _resolve(future, result)


def _check_length(results: Sequence[object], batch: Sequence[object]) -> None:
    if len(results) != len(batch):
        raise RuntimeError(f"A batch of {len(batch)} items gave {len(results)} results.")


def _resolve(future: Future[R], result: R | Future[R]) -> None:
    if isinstance(result, Future):
        follow(future, result)
    else:
        future.set_result(result)
