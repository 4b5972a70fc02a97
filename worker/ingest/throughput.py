"""How fast a worker is: images brought to an outcome in a second while it has work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds of work after which what was measured before counts half.
_HALF_LIFE_S = 25.0


class Throughput:
    """A rate over the time in which chunks are run; idle time neither raises nor lowers it.

    The rate is a mean over the seconds of work, the last ones weighing most. The
    time of several chunks at once counts once. A chunk that ends in an error
    counts for nothing: that a part was away says nothing of this worker's speed.

    A worker with too little to do is slower than it could be, and how long a queue
    takes is asked when there is one. So once anything better is known, a chunk
    counts only if all threads had one at some time while it ran.

    Args:
        rate_per_s: A first guess; it fades as the worker works.
        threads: Chunks that the worker has in hand when it has enough to do.
        clock: Seconds, from any moment on.
    """

    def __init__(
        self,
        rate_per_s: float | None = None,
        threads: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads = threads
        self._clock = clock
        self._lock = threading.Lock()
        # The mean is the sum over the weight: without a guess the weight grows from 0, so
        # that the first measurement counts in full.
        self._sum = rate_per_s or 0.0
        self._weight = 1.0 if rate_per_s else 0.0
        # Whether that mean is a guess or of a time with enough to do.
        self._trusted = bool(rate_per_s)
        # Images with an outcome that are not in the mean yet, and until when the time is.
        self._images = 0
        self._counted_until = -math.inf
        # Chunks in hand, and when last every thread had one.
        self._in_hand = 0
        self._full_at = -math.inf

    @property
    def rate_per_s(self) -> float | None:
        """Images a second while there is work; None before anything was measured."""
        with self._lock:
            return self._sum / self._weight if self._weight else None

    def note(self, images: int) -> None:
        """Count images that were brought to an outcome, while their chunk is run."""
        with self._lock:
            self._images += images

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run a chunk within this, once for each try and without the waits between them."""
        with self._lock:
            began = self._clock()
            self._in_hand += 1
            self._look(began)
        succeeded = False
        try:
            yield
            succeeded = True
        finally:
            with self._lock:
                now = self._clock()
                self._look(now)
                self._in_hand -= 1
                if succeeded and self._images:
                    self._settle(began, now)

    def _look(self, now: float) -> None:
        if self._in_hand >= self._threads:
            self._full_at = now

    def _settle(self, began: float, now: float) -> None:
        """Take the images noted, and the time since the chunk before, into the mean."""
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
        # What an image adds: spread over its seconds, and where chunks end at the same moment
        # the limit of that.
        each = (1 - kept) / seconds if seconds else math.log(2) / _HALF_LIFE_S
        self._sum = self._sum * kept + images * each
        self._weight = self._weight * kept + 1 - kept
