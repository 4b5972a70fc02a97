"""Runs periodic chores for the whole service, in one worker at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from redis import Redis
from redis.exceptions import RedisError

from common.errors import BrokerUnavailable, GlimpseError

log = logging.getLogger(__name__)

# Set by the worker that takes a turn; expires shortly before the next one.
_TURN = "glimpse:upkeep"
# Seconds to wait for the last turn to finish.
_LAST_TURN_S = 2.0


class Upkeep:
    """A thread that runs chores periodically, unless another worker has just done so.

    Args:
        redis: A client of the broker's database.
        chores: The chores by name; each must be safe at any time and concurrently.
        interval_s: Seconds between turns.
        is_active: Returns whether this worker's model is active: the collection of another one
            need not have the rows that the chores look for.
    """

    def __init__(
        self,
        redis: Redis,
        chores: Mapping[str, Callable[[], object]],
        interval_s: float,
        is_active: Callable[[], bool] = lambda: True,
    ) -> None:
        self._redis = redis
        self._chores = chores
        self._interval_s = interval_s
        self._is_active = is_active
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more turns, and wait briefly for one in progress: its Redis may be closed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_TURN_S)

    def turn(self) -> None:
        """Run every chore; a failure does not stop the others."""
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
        # Slightly shorter than the interval, so that the next worker to wake can take its turn.
        turn_ms = max(1, int(self._interval_s * 900))
        try:
            return self._is_active() and bool(self._redis.set(_TURN, 1, nx=True, px=turn_ms))
        except (BrokerUnavailable, RedisError) as error:
            log.warning("upkeep.no_turn %s", error)
            return False
