"""Redis's clock, because the clocks of the service's machines may differ.

Times that one process records and another compares are always by this clock. Scripts read it with
``common/lua/_now.lua``.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Seconds between queries of Redis's clock. In this time a machine's clock drifts by less than a
# millisecond; a step of Redis's clock is noticed after this time.
_QUERY_EVERY_S = 30.0
# Seconds until the next query if Redis did not answer.
_QUERY_AGAIN_S = 1.0
# Seconds by which a machine's clock may differ from Redis's before a warning is due.
SKEW_S_MAX = 2.0

# Unlike ``CLOCK_MONOTONIC`` it advances while the machine sleeps; only Linux has it.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """A clock shared by all processes of the service."""

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        ...

    def skew_s(self) -> float:
        """Return the seconds by which this machine's clock is ahead; negative if behind."""
        ...


class MachineClock:
    """This machine's clock: the complete fake for tests."""

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    def skew_s(self) -> float:
        """Return 0: the clock is never ahead of itself."""
        return 0.0


class RedisClock:
    """Redis's clock, read without a round trip per call.

    Queries Redis on first use and then every half minute, and stores the offset to the machine's
    monotonic clock, so that a step of the machine's clock has no effect. If Redis does not answer,
    the last offset stays in use. Before the first answer, the machine's clock is used, which may
    differ; but without Redis there are no times to compare with either.

    Args:
        redis: A client that does not retry for long.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        # Offset to the monotonic clock; None before the first answer.
        self._offset_s: float | None = None
        self._query_at = float("-inf")

    def now(self) -> float:
        """Return the time in seconds since 1970; never raises."""
        if monotonic_s() >= self._query_at:
            self._query()
        offset_s = self._offset_s
        return time.time() if offset_s is None else monotonic_s() + offset_s

    def skew_s(self) -> float:
        """Return the seconds by which this machine's clock is ahead; negative if behind."""
        now = self.now()
        return time.time() - now

    def _query(self) -> None:
        # One thread queries; the others use the last answer, and wait only for the first.
        if not self._lock.acquire(blocking=self._offset_s is None):
            return
        try:
            queried_at = monotonic_s()
            if queried_at < self._query_at:
                # Another thread has queried Redis while this one waited.
                return
            found = seconds(self._redis.time())
            answered_at = monotonic_s()
            # Redis read its clock about halfway between query and answer.
            self._offset_s = found - (queried_at + answered_at) / 2
            self._query_at = answered_at + _QUERY_EVERY_S
        except RedisError as error:
            log.warning("clock.not_asked %s", error)
            self._query_at = monotonic_s() + _QUERY_AGAIN_S
        finally:
            self._lock.release()


def seconds(answer: tuple[int, int]) -> float:
    """Convert Redis's reply to ``TIME`` into seconds since 1970."""
    whole, microseconds = answer
    return whole + microseconds / 1e6


def monotonic_s() -> float:
    """Return the seconds of a clock that is never set and also runs while the machine sleeps."""
    return time.clock_gettime(_MONOTONIC)
