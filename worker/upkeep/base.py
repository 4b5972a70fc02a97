"""Upkeep: what one worker of all does every now and then for the whole service."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from redis import Redis
from redis.exceptions import RedisError

from common.errors import GlimpseError

log = logging.getLogger(__name__)

# Held by the worker whose turn it is.
_TURN = "glimpse:upkeep"
# Seconds that the last turn has to come to its end.
_LAST_TURN_S = 2.0


class Upkeep:
    """A thread that runs chores, unless another worker has just done so.

    Args:
        redis: A client of the broker's database.
        chores: What to do, by name; each may be done at any time and by several at once.
        interval_s: Seconds between two turns.
    """

    def __init__(
        self, redis: Redis, chores: Mapping[str, Callable[[], object]], interval_s: float
    ) -> None:
        self._redis = redis
        self._chores = chores
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more turns, and wait a moment for one that goes on: its Redis may be closed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_TURN_S)

    def turn(self) -> None:
        """Do every chore; one that fails does not keep the others from being done."""
        for name, chore in self._chores.items():
            try:
                chore()
            except (GlimpseError, RedisError, OSError) as error:
                log.warning("upkeep.failed chore=%s %s", name, error)
            except Exception:
                log.exception("upkeep.fault chore=%s", name)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            if self._is_mine():
                self.turn()

    def _is_mine(self) -> bool:
        # A little shorter than the interval: whoever wakes next finds it free.
        turn_ms = max(1, int(self._interval_s * 900))
        try:
            return bool(self._redis.set(_TURN, 1, nx=True, px=turn_ms))
        except RedisError as error:
            log.warning("upkeep.no_turn %s", error)
            return False
