"""The micro-batcher: processes items of many tasks in batches and settles each separately."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from common.errors import ServiceError
from common.traces.spans import Origin, joined_span, origin
from worker.futures import follow

T = TypeVar("T")
R = TypeVar("R")

# Takes the batcher's name, a batch's items, and the seconds that the first of them has waited.
OnBatch = Callable[[str, int, float], None]


def no_report(*_: object) -> None:
    """Report nothing."""


def no_rest(_: float) -> float:
    """Do not rest."""
    return 0.0


class Closed(RuntimeError):
    """The batcher is closed and accepts no more items."""


class Batcher(Generic[T, R]):
    """Collects items from any number of threads and processes them in batches.

    A thread takes a batch as soon as ``batch_max`` items wait, or fewer once
    the oldest has waited ``wait_ms`` and the rest after the last batch is over,
    and calls ``process`` with it. Each item has its own future:

    - if ``process`` returns, every item gets its result; a result that is
      itself a future (the next stage's) settles the item when it settles;
    - if it raises ``ServiceError``, a part of the service is unavailable and
      every item gets that error: retrying items one by one would only wait longer;
    - if it raises anything else, the items are retried one by one, so that only
      the faulty ones fail.

    The queue is bounded: ``submit`` blocks while it is full, which slows
    producers down instead of filling the memory.

    Args:
        name: Its name, and the prefix of its threads' names.
        process: Takes a batch and returns one result for each item, in order.
        batch_max: Maximum items in a batch.
        wait_ms: Maximum time an item waits for its batch to fill, in milliseconds.
        queue_max: Maximum items in the queue.
        threads: Number of threads, each processing one batch at a time.
        on_batch: Called with each batch before it is processed; must not raise.
        rest_s: Takes the seconds that a batch took; returns for how many seconds after it only a
            full one is processed.
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
        on_batch: OnBatch = no_report,
        rest_s: Callable[[float], float] = no_rest,
    ) -> None:
        self._name = name
        self._process = process
        self._on_batch = on_batch
        self._batch_max = batch_max
        self._wait_s = wait_ms / 1000
        self._queue_max = max(queue_max, batch_max)
        self._rest_s = rest_s
        # Time of the end of the rest (time.monotonic).
        self._rested_at = 0.0
        # Item, its future, the span that it is from, and when it was queued (time.monotonic).
        self._queue: deque[tuple[T, Future[R], Origin, float]] = deque()
        lock = threading.Lock()
        # Two conditions, so that an item wakes no thread before its batch is due.
        self._room = threading.Condition(lock)
        self._due = threading.Condition(lock)
        self._closed = False
        # Unix time at which a batch last succeeded; 0 before the first.
        self.succeeded_at = 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: T) -> Future[R]:
        """Queue one item; block while the queue is full.

        Raises:
            Closed: The batcher is closed.
        """
        return self.submit_many([item])[0]

    def submit_many(self, items: Sequence[T]) -> list[Future[R]]:
        """Queue items next to each other; block while there is no room for all of them.

        Items submitted together share a batch if it has room. More items than
        the queue can hold are accepted once it is empty.
        """
        futures: list[Future[R]] = [Future() for _ in items]
        with self._room:
            self._room.wait_for(lambda: self._closed or self._has_room(len(items)))
            if self._closed:
                raise Closed("The batcher is closed.")
            now, place = time.monotonic(), origin()
            self._queue.extend(
                (item, future, place, now) for item, future in zip(items, futures, strict=True)
            )
            is_first = len(self._queue) == len(items)
            if is_first or len(self._queue) >= self._batch_max:
                self._due.notify()
        return futures

    def close(self) -> None:
        """Accept no more items, finish those queued, and stop the threads."""
        with self._due:
            self._closed = True
            self._due.notify_all()
            self._room.notify_all()
        for thread in self._threads:
            thread.join()

    def _has_room(self, count: int) -> bool:
        return not self._queue or len(self._queue) + count <= self._queue_max

    def _run(self) -> None:
        while batch := self._next_batch():
            began = time.monotonic()
            self._settle_all(batch)
            ended = time.monotonic()
            self._rested_at = ended + self._rest_s(ended - began)

    def _next_batch(self) -> list[tuple[T, Future[R], Origin]]:
        """Wait for and return the next batch; an empty one means that the batcher is closed."""
        with self._due:
            while not self._is_full():
                if self._closed and not self._queue:
                    return []
                self._due.wait(self._seconds_left())
            count = min(len(self._queue), self._batch_max)
            wait_s = time.monotonic() - self._queue[0][3]
            batch = [self._queue.popleft()[:3] for _ in range(count)]
            self._room.notify_all()
            if self._queue:
                # Another thread waits for these.
                self._due.notify()
        self._on_batch(self._name, count, wait_s)
        return batch

    def _is_full(self) -> bool:
        """Return whether a batch is due: it is full, or has waited long enough."""
        if not self._queue:
            return False
        return self._closed or len(self._queue) >= self._batch_max or self._seconds_left() == 0

    def _seconds_left(self) -> float | None:
        """Return the seconds until a batch that is not full is due; None if the queue is empty."""
        if not self._queue:
            return None
        due_at = max(self._queue[0][3] + self._wait_s, self._rested_at)
        return max(due_at - time.monotonic(), 0)

    def _settle_all(self, batch: list[tuple[T, Future[R], Origin]]) -> None:
        live = [entry for entry in batch if entry[1].set_running_or_notify_cancel()]
        if live:
            self._settle(live)

    def _settle(self, batch: list[tuple[T, Future[R], Origin]]) -> None:
        places = (place for _, _, place in batch)
        try:
            with joined_span(f"batch.{self._name}", places, {"glimpse.items": len(batch)}):
                results = self._process([item for item, _, _ in batch])
            _check_length(results, batch)
        except ServiceError as error:
            for _, future, _ in batch:
                future.set_exception(error)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                for entry in batch:
                    self._settle([entry])
        else:
            self.succeeded_at = time.time()
            for (_, future, _), result in zip(batch, results, strict=True):
                _resolve(future, result)


def _check_length(results: Sequence[object], batch: Sequence[object]) -> None:
    if len(results) != len(batch):
        raise RuntimeError(f"A batch of {len(batch)} items returned {len(results)} results.")


def _resolve(future: Future[R], result: R | Future[R]) -> None:
    if isinstance(result, Future):
        follow(future, result)
    else:
        future.set_result(result)
