"""Rounds: how far the walk through all originals has come, and what it may judge."""

from __future__ import annotations

import time
from typing import Protocol, cast

from redis import Redis

from common.redis_client import broker_call

# A hash of the number of turns so far, the collection that the last one saw, and since when.
_KEY = "glimpse:orphans"
# Leases after the start of a service in which its first turn comes.
_FIRST_TURN_LEASES = 2
# Seconds in which workers of a collection that another one follows may still write to it.
_CHANGE_S = 3600.0


class Rounds(Protocol):
    """What the workers, whose turns follow one another, know of the walk.

    Every method raises ``BrokerUnavailable``.
    """

    def next(self) -> int:
        """Return the number of this turn; whoever has the next one gets the next number."""
        ...

    def since(self, collection: str) -> float:
        """Return since when this has been the collection that rows are written to.

        In seconds since 1970; of what was stored before nobody knows whether it was
        indexed in another one. A collection that is seen again after another counts from
        then on.
        """
        ...


class MemoryRounds:
    """Rounds that last as long as the object: the complete fake for tests.

    Args:
        since: Since when the first collection has been the one; by default since it is seen.
    """

    def __init__(self, since: float | None = None) -> None:
        self._turns = 0
        self._collection: str | None = None
        self._since = since

    def next(self) -> int:
        """Return the number of this turn."""
        self._turns += 1
        return self._turns

    def since(self, collection: str) -> float:
        """Return since when this has been the collection."""
        if self._collection not in (None, collection):
            self._since = time.time() + _CHANGE_S
        if self._since is None:
            self._since = time.time()
        self._collection = collection
        return self._since


class RedisRounds:
    """Rounds that all workers share; where Redis was lost they begin anew.

    Args:
        redis: A client that decodes responses.
        lease_s: Seconds between two turns of the upkeep.
    """

    def __init__(self, redis: Redis, lease_s: float) -> None:
        self._redis = redis
        self._lease_s = lease_s

    @broker_call
    def next(self) -> int:
        """Return the number of this turn."""
        return self._redis.hincrby(_KEY, "turns", 1)

    @broker_call
    def since(self, collection: str) -> float:
        """Return since when this has been the collection."""
        found = self._redis.hmget(_KEY, "collection", "since")
        last, since = cast("tuple[str | None, str | None]", tuple(found))
        if last == collection and since is not None:
            return float(since)
        first = time.time() - _FIRST_TURN_LEASES * self._lease_s
        begun = first if last is None else time.time() + _CHANGE_S
        self._redis.hset(_KEY, mapping={"collection": collection, "since": begun})
        return begun
