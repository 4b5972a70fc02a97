"""Rounds: the progress of the upkeep over all originals, and the collection it checks."""

from __future__ import annotations

import time
from typing import Protocol, cast

from redis import Redis

from common.redis.client import broker_call
from common.redis.time import RedisClock

# A hash: the number of turns, the collection seen in the last one, and since when.
_KEY = "glimpse:orphans"
# Maximum leases between the start of a service and its first turn.
_FIRST_TURN_LEASES = 2
# Seconds after a change of collection in which workers may still write to the old one.
_CHANGE_S = 3600.0


class Rounds(Protocol):
    """State that workers share between turns; every method raises ``BrokerUnavailable``."""

    def next(self) -> int:
        """Count a turn and return its number."""
        ...

    def since(self, collection: str) -> float:
        """Return the Unix time since which rows have been written to this collection.

        Images stored earlier may have been indexed in another collection. A collection
        seen again after another one starts over.
        """
        ...


class MemoryRounds:
    """Rounds that last as long as the object: the complete fake for tests.

    Args:
        since: Since when the first collection has been in use; default: when first seen.
    """

    def __init__(self, since: float | None = None) -> None:
        self._turns = 0
        self._collection: str | None = None
        self._since = since

    def next(self) -> int:
        """Count a turn and return its number."""
        self._turns += 1
        return self._turns

    def since(self, collection: str) -> float:
        """Return since when this collection has been in use."""
        if self._collection not in (None, collection):
            self._since = time.time() + _CHANGE_S
        if self._since is None:
            self._since = time.time()
        self._collection = collection
        return self._since


class RedisRounds:
    """Rounds shared by all workers; they start over if Redis loses its data.

    Args:
        redis: A client that decodes responses.
        lease_s: Seconds between turns of the upkeep.
    """

    def __init__(self, redis: Redis, lease_s: float) -> None:
        self._redis = redis
        self._clock = RedisClock(redis)
        self._lease_s = lease_s

    @broker_call
    def next(self) -> int:
        """Count a turn and return its number."""
        return self._redis.hincrby(_KEY, "turns", 1)

    @broker_call
    def since(self, collection: str) -> float:
        """Return since when this collection has been in use."""
        found = self._redis.hmget(_KEY, "collection", "since")
        last, since = cast("tuple[str | None, str | None]", tuple(found))
        if last == collection and since is not None:
            return float(since)
        first = self._clock.now() - _FIRST_TURN_LEASES * self._lease_s
        begun = first if last is None else self._clock.now() + _CHANGE_S
        self._redis.hset(_KEY, mapping={"collection": collection, "since": begun})
        return begun
