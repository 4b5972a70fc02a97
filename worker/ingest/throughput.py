"""A worker's throughput: images per second while it has work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds of work after which earlier measurements count half.
_HALF_LIFE_S = 25.0


class Throughput:
    """Measures the rate at which images get outcomes while chunks run; idle time is ignored.

    The rate is an exponentially weighted mean over the seconds of work. Time in
    which several chunks run counts once. A chunk that ends with an error is
    ignored: an outage says nothing about this worker's speed.

    An underused worker is slower than it could be, while the rate serves to
    estimate how long a queue takes, that is, under load. So once the worker has
    been fully loaded or a first guess exists, a chunk counts only if as many as
    possible were running at some time during it.

    Args:
        rate_per_s: A first guess; its weight decays as the worker runs.
        tasks: Returns the number of chunks that a fully loaded worker runs concurrently now.
        clock: Returns seconds since an arbitrary moment.
    """

    def __init__(
        self,
        rate_per_s: float | None = None,
        tasks: Callable[[], int] = lambda: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._lock = threading.Lock()
        # The mean is sum / weight. Without a guess the weight starts at 0, so that the first
        # measurement counts in full.
        self._sum = rate_per_s or 0.0
        self._weight = 1.0 if rate_per_s else 0.0
        # Whether the mean is a guess or was measured under full load.
        self._trusted = bool(rate_per_s)
        # Images not in the mean yet, and the end of the time already in it.
        self._images = 0
        self._counted_until = -math.inf
        # Chunks running, and when they were last as many as possible.
        self._running = 0
        self._full_at = -math.inf

    @property
    def rate_per_s(self) -> float | None:
        """Images per second while there is work; None before the first measurement."""
        with self._lock:
            return self._sum / self._weight if self._weight else None

    def note(self, images: int) -> None:
        """Count images that got an outcome; called while their chunk runs."""
        with self._lock:
            self._images += images

    @contextmanager
    def working(self) -> Iterator[None]:
        """Measure a chunk; enter once per attempt, without the waits in between."""
        with self._lock:
            began = self._clock()
            self._running += 1
            self._note_load(began)
        succeeded = False
        try:
            yield
            succeeded = True
        finally:
            with self._lock:
                now = self._clock()
                self._note_load(now)
                self._running -= 1
                if succeeded and self._images:
                    self._settle(began, now)

    def _note_load(self, now: float) -> None:
        if self._running >= self._tasks():
            self._full_at = now

    def _settle(self, began: float, now: float) -> None:
        """Add the images noted, and the time since the previous chunk, to the mean."""
        full = self._full_at > began
        if full and not self._trusted:
            self._sum = self._weight = 0.0
            self._trusted = True
        if full or not self._trusted:
            self._add(self._images, max(now - max(began, self._counted_until), 0.0))
        self._images = 0
        self._counted_until = now

    def _add(self, images: int, seconds: float) -> None:
        kept = 0.5 ** (seconds / _HALF_LIFE_S)
        # Contribution of one image, spread over its seconds; if chunks end at the same moment,
        # the limit for zero seconds.
        each = (1 - kept) / seconds if seconds else math.log(2) / _HALF_LIFE_S
        self._sum = self._sum * kept + images * each
        self._weight = self._weight * kept + 1 - kept
