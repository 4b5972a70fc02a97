"""The processor time that pictures take to decode: it tells which decoder does not end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple


class _Measured(NamedTuple):
    """A picture that a thread decodes now."""

    picture_id: str
    # The thread's clock, and the time on it at which the picture has taken too long.
    clock: int
    end_s: float


class DecodingTime:
    """Measures the processor time of threads that decode.

    Waiting for a disk, for memory or for other processes takes none, nor does a frozen machine. On
    systems whose threads have no clocks, such as macOS, nothing is measured.

    Args:
        limit_s: Maximum seconds of processor time for a picture.
    """

    def __init__(self, limit_s: float = math.inf) -> None:
        self._limit_s = limit_s
        self._clock_of = getattr(time, "pthread_getcpuclockid", None)
        # By thread.
        self._running: dict[int, _Measured] = {}

    @contextmanager
    def measured(self, picture_id: str) -> Iterator[None]:
        """Measure the calling thread while it decodes a picture."""
        if self._clock_of is None:
            yield
            return
        thread = threading.get_ident()
        clock = self._clock_of(thread)
        self._running[thread] = _Measured(
            picture_id, clock, time.clock_gettime(clock) + self._limit_s
        )
        try:
            yield
        finally:
            del self._running[thread]

    def exceeded(self) -> str | None:
        """Return a picture that takes too long, or None."""
        for picture_id, clock, end_s in self._running.copy().values():
            # A thread that has just ended has no clock any more.
            with suppress(OSError):
                if time.clock_gettime(clock) > end_s:
                    return picture_id
        return None
