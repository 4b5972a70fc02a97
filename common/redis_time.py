"""Redis's own clock: the clocks of the service's machines need not agree.

What one process notes and another compares is a time of this clock, never of a
machine's. Scripts read it with ``common/lua/_now.lua``.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Seconds between two times that Redis is asked: processors' clocks drift by less than a
# millisecond meanwhile, and a step of Redis's own clock is seen so soon.
_ASK_EVERY_S = 30.0
# Seconds before Redis is asked again where it did not answer.
_ASK_AGAIN_S = 1.0
# Seconds that a machine's clock may differ from Redis's before that is worth a word.
SKEW_S_MAX = 2.0

# Unlike ``CLOCK_MONOTONIC`` it goes on while a machine sleeps; only Linux has it.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """A clock that all processes of the service share."""

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        ...

    def skew_s(self) -> float:
        """Return by how many seconds this machine's own clock is ahead; behind is negative."""
        ...


class MachineClock:
    """The clock of this machine: the complete fake, for tests within one process."""

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    def skew_s(self) -> float:
        """Return that it is never ahead of itself."""
        return 0.0


class RedisClock:
    """Redis's clock, told without a round trip each time.

    It asks Redis at first use and every half minute, and notes how far the answer is
    from a clock of this process that nobody sets; so a step of the machine's clock
    changes nothing. While Redis does not answer it goes by the last answer. Before
    there was one it goes by the machine's clock, which may differ: but then nothing
    can be compared with what others noted in Redis, either.

    Args:
        redis: A client that does not try again for long.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        # What is to be added to the steady clock; None before the first answer.
        self._offset_s: float | None = None
        self._ask_at = float("-inf")

    def now(self) -> float:
        """Return the time in seconds since 1970; it never raises."""
        if _steady_s() >= self._ask_at:
            self._ask()
        offset_s = self._offset_s
        return time.time() if offset_s is None else _steady_s() + offset_s

    def skew_s(self) -> float:
        """Return by how many seconds this machine's own clock is ahead; behind is negative."""
        now = self.now()
        return time.time() - now

    def _ask(self) -> None:
        # One thread asks. The others go by the last answer, and wait only for the first.
        if not self._lock.acquire(blocking=self._offset_s is None):
            return
        try:
            asked_at = _steady_s()
            if asked_at < self._ask_at:
                # Another thread has asked while this one waited.
                return
            found = seconds(self._redis.time())
            answered_at = _steady_s()
            # It was read about half way between question and answer.
            self._offset_s = found - (asked_at + answered_at) / 2
            self._ask_at = answered_at + _ASK_EVERY_S
        except RedisError as error:
            log.warning("clock.not_asked %s", error)
            self._ask_at = _steady_s() + _ASK_AGAIN_S
        finally:
            self._lock.release()


def seconds(answer: tuple[int, int]) -> float:
    """Return the seconds since 1970 of what Redis answers to ``TIME``."""
    whole, microseconds = answer
    return whole + microseconds / 1e6


def _steady_s() -> float:
    return time.clock_gettime(_STEADY)
