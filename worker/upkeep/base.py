"""Runs periodic chores for the whole service, in one worker at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from redis import Redis
from redis.exceptions import RedisError

from common.errors import BrokerUnavailable, GlimpseError
from worker.upkeep.turn import Check, Turn, TurnLost, no_check

log = logging.getLogger(__name__)

# The lock's time to live as a share of the interval: slightly shorter, so that the next worker to
# wake can take its turn.
_TTL_SHARE = 0.9
# Seconds to wait for the last turn to finish.
_LAST_TURN_S = 2.0


class Upkeep:
    """A thread that runs chores periodically, unless another worker has just done so.

    Args:
        redis: A client of the broker's database.
        chores: The chores by name; each must be safe at any time, and takes a function that it
            calls before each change, which raises if another worker may have begun a turn.
        interval_s: Seconds between turns.
        is_active: Returns whether this worker's model is active: the collection of another one
            need not have the rows that the chores look for.
    """

    def __init__(
        self,
        redis: Redis,
        chores: Mapping[str, Callable[[Check], object]],
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

    def turn(self, check: Check = no_check) -> None:
        """Run every chore; a failure does not stop the others, but losing the turn does."""
        for name, chore in self._chores.items():
            try:
                check()
                chore(check)
            except TurnLost as error:
                log.warning("upkeep.turn_lost chore=%s %s", name, error)
                return
            except (GlimpseError, RedisError, OSError) as error:
                log.warning("upkeep.failed chore=%s %s", name, error)
            except Exception:
                log.exception("upkeep.fault chore=%s", name)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            turn = Turn(self._redis, self._interval_s * _TTL_SHARE)
            if self._begin(turn):
                try:
                    self.turn(turn.check)
                finally:
                    turn.end()

    def _begin(self, turn: Turn) -> bool:
        try:
            return self._is_active() and turn.begin()
        except (BrokerUnavailable, RedisError) as error:
            log.warning("upkeep.no_turn %s", error)
            return False
