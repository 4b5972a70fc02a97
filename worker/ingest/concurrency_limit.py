"""The concurrency limit: how many tasks an ingest worker runs so that its model never waits."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Tasks of a worker: few if that is enough, since a death affects the images of all of them, and at
# most as many as the threads of one process serve well.
TASKS_MIN, TASKS_MAX = 4, 64
# Weight of a new measurement in a mean.
_WEIGHT = 0.2
# Factor on the time that images spend outside the model, which varies.
_MARGIN = 1.5


class ConcurrencyLimit:
    """Derives the number of tasks in progress from the batch size and from measured latencies.

    While batches are encoded, another one must be waiting, and one more is being decoded. And
    while the images of a task wait for the store or for Redis, the model must have others:
    by Little's law, as many as its rate times the time that an image spends there. So a fast
    store needs few tasks and a slow one many. Only what succeeds is measured: an outage takes
    no further tasks.

    Thread-safe.

    Args:
        batch_max: Maximum pictures in a batch.
        concurrency: Batches that are encoded concurrently.
        chunk_images: Images of a task, until tasks have been seen.
        tasks: A fixed number of tasks; 0 derives it.
        clock: Returns seconds since an arbitrary moment.
    """

    def __init__(
        self,
        batch_max: int,
        concurrency: int,
        chunk_images: int,
        tasks: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._in_batches = batch_max * (concurrency + 2)
        self._concurrency = concurrency
        self._fixed = tasks
        self._clock = clock
        self._lock = threading.Lock()
        # Means: images of a task, its seconds, and those of them in the pipeline; pictures and
        # seconds of a batch; seconds of a write.
        self._chunk = float(chunk_images)
        self._task_s = 0.0
        self._piping_s = 0.0
        self._batch = 0.0
        self._encoding_s = 0.0
        self._write_s = 0.0

    @property
    def tasks(self) -> int:
        """Number of tasks to run concurrently now."""
        needed = math.ceil(self.images / self._chunk)
        return self._fixed or max(TASKS_MIN, min(needed, TASKS_MAX))

    @property
    def tasks_max(self) -> int:
        """Largest number of tasks that ``tasks`` may return."""
        return self._fixed or TASKS_MAX

    @property
    def images(self) -> float:
        """Images in progress that keep the model busy."""
        with self._lock:
            if not self._encoding_s:
                return self._in_batches
            per_s = self._concurrency * self._batch / self._encoding_s
            outside_s = max(self._task_s - self._piping_s, 0) + self._write_s
            return self._in_batches + _MARGIN * per_s * outside_s

    @contextmanager
    def task(self, images: int) -> Iterator[None]:
        """Measure a task."""
        with self._lock:
            self._chunk = _mean(self._chunk, max(images, 1))
        began = self._clock()
        yield
        with self._lock:
            self._task_s = _mean(self._task_s, self._clock() - began)

    @contextmanager
    def piping(self) -> Iterator[None]:
        """Measure the part of a task in which its images are in the pipeline."""
        began = self._clock()
        yield
        with self._lock:
            self._piping_s = _mean(self._piping_s, self._clock() - began)

    @contextmanager
    def encoding(self, pictures: int) -> Iterator[None]:
        """Measure a batch of the model."""
        began = self._clock()
        yield
        with self._lock:
            self._batch = _mean(self._batch, pictures)
            self._encoding_s = _mean(self._encoding_s, self._clock() - began)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure a call that writes rows."""
        began = self._clock()
        yield
        with self._lock:
            self._write_s = _mean(self._write_s, self._clock() - began)


def _mean(mean: float, value: float) -> float:
    """Return an exponentially weighted mean with a new value; the first counts in full."""
    return mean + _WEIGHT * (value - mean) if mean else value
