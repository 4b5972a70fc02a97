"""Turns: a lock in Redis that one worker holds while it runs the chores of the upkeep."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import TypeAlias

from redis import Redis
from redis.exceptions import RedisError

from common.errors import GlimpseError
from common.redis.scripts import RedisScript
from common.redis.time import monotonic_s

log = logging.getLogger(__name__)

# Names the turn whose worker runs the chores; after that it keeps others from starting at once.
_KEY = "glimpse:upkeep"
# Renewals per time to live: two may fail before the lock expires.
_RENEWALS = 3
# Maximum seconds of a turn: a chore that hangs must not hold the lock forever.
_TURN_S_MAX = 3600.0

# Raises ``TurnLost`` unless the turn still holds the lock; a chore calls it before each change.
Check: TypeAlias = Callable[[], None]


class TurnLost(GlimpseError):
    """Another worker may have begun a turn, so this one must change nothing more."""

    code = "turn_lost"


def no_check() -> None:
    """Do nothing: for a chore that runs outside of a turn."""


class Turn:
    """One attempt to take the lock, and the lock while it is held.

    A thread renews the lock, so that turns do not overlap however long one takes. If renewals fail,
    or the process is frozen, the lock expires here no later than in Redis.

    Args:
        redis: A client of the broker's database.
        ttl_s: Seconds until the lock expires without renewal.
    """

    def __init__(self, redis: Redis, ttl_s: float) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._script = RedisScript(redis, "worker/upkeep/lua/renew.lua")
        self._id = uuid.uuid4().hex
        # By the machine's monotonic clock.
        self._held_until = float("-inf")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep-turn", daemon=True)

    def begin(self) -> bool:
        """Take the lock and start renewing it; return False if another worker holds it.

        Raises:
            RedisError: Redis does not answer.
        """
        asked_at = monotonic_s()
        if not self._redis.set(_KEY, self._id, nx=True, px=self._ttl_ms):
            return False
        self._held_until = asked_at + self._ttl_s
        self._thread.start()
        return True

    def end(self) -> None:
        """Stop renewing the lock, which expires in time for the next turn."""
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise ``TurnLost`` unless the lock is held."""
        if monotonic_s() >= self._held_until:
            raise TurnLost("Another worker may have begun the next turn of the upkeep.")

    @property
    def _ttl_ms(self) -> int:
        return max(1, int(1000 * self._ttl_s))

    def _run(self) -> None:
        begun_at = monotonic_s()
        while not self._ended.wait(self._ttl_s / _RENEWALS):
            asked_at = monotonic_s()
            if asked_at - begun_at > _TURN_S_MAX:
                log.error("upkeep.endless A chore did not end within %g s.", _TURN_S_MAX)
                return
            try:
                if not self._script(turn_key=_KEY, turn_id=self._id, ttl_ms=self._ttl_ms):
                    self._held_until = float("-inf")
                    return
            except RedisError as error:
                log.warning("upkeep.not_renewed %s", error)
            else:
                self._held_until = asked_at + self._ttl_s
