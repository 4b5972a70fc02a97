"""Heartbeats: what each worker says of itself, so that the API knows who is there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from pydantic import ValidationError
from redis import Redis

from common.contract import INGEST_QUEUE, Message
from common.redis_client import broker_call
from common.redis_time import seconds

# A hash with a field for each worker, and the images a second that all ingest workers
# together did when that was last known.
WORKERS_KEY, RATE_KEY = "glimpse:workers", "glimpse:ingest:rate"
# Seconds after which a consumer that did not look for work counts as stuck. It looks every second,
# but after a long outage of Redis it pauses for half a minute between two tries to connect.
_ASKED_AGE_MAX_S = 60.0


class Heartbeat(Message):
    """One worker's own account, written every few seconds."""

    # Unique among all workers: queue, host and process.
    name: str
    queue: str
    # Name and revision of the encoder it holds.
    model: str
    revision: str
    # When this was written, and when it counts as gone; seconds since 1970 by Redis's clock.
    at: float
    until: float
    # When the model last gave a result, a real one or a probe; likewise.
    inference_at: float
    # When its consumer last looked for work; seconds since 1970. None before it has, or where the
    # worker is of a version that does not say.
    asked_at: float | None = None
    # Images it brings to an end in a second while it has work; None where that is not known.
    rate_per_s: float | None = None
    # Why the vector store does not answer this worker, or None where it does.
    store_error: str | None = None
    # Seconds that its machine's clock is ahead of Redis's; behind is negative.
    clock_skew_s: float = 0.0

    def consumes(self, now: float) -> bool:
        """Return whether its consumer is known to take work, or at least not known to hang."""
        return self.asked_at is None or now - self.asked_at <= _ASKED_AGE_MAX_S


class Heartbeats(Protocol):
    """Where heartbeats are left and read; every method raises ``BrokerUnavailable``."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat in place of the worker's last one."""
        ...

    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away: it is going."""
        ...

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        ...

    def last_rate(self) -> float | None:
        """Return what ``fleet_rate`` was at the last heartbeat at which it was known."""
        ...


def fleet_rate(beats: Iterable[Heartbeat]) -> float | None:
    """Return the images a second that the ingest workers bring to an end together.

    A worker whose rate is not known yet counts as the mean of the others; None
    where no rate is known.
    """
    rates = [beat.rate_per_s for beat in beats if beat.queue == INGEST_QUEUE]
    known = [rate for rate in rates if rate]
    return sum(known) / len(known) * len(rates) if known else None


class MemoryHeartbeats:
    """Heartbeats in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        self._beats: dict[str, Heartbeat] = {}
        self._rate: float | None = None

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat."""
        self._beats[heartbeat.name] = heartbeat
        self._rate = fleet_rate(self.alive()) or self._rate

    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away."""
        self._beats.pop(name, None)

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        return [beat for beat in self._beats.values() if beat.until > time.time()]

    def last_rate(self) -> float | None:
        """Return what ``fleet_rate`` was when it was last known."""
        return self._rate


class RedisHeartbeats:
    """Heartbeats in one hash of Redis, a field for each worker."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat, clear away those of workers long gone, and note the rate of all."""
        self._redis.hset(WORKERS_KEY, heartbeat.name, heartbeat.model_dump_json())
        fields, now = self._all()
        beats = living(fields, now)
        gone = set(fields) - {beat.name for beat in beats}
        if gone:
            self._redis.hdel(WORKERS_KEY, *gone)
        rate = fleet_rate(beats)
        if rate is not None:
            self._redis.set(RATE_KEY, rate)

    @broker_call
    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away."""
        self._redis.hdel(WORKERS_KEY, name)

    @broker_call
    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        return living(*self._all())

    @broker_call
    def last_rate(self) -> float | None:
        """Return what ``fleet_rate`` was when it was last known."""
        text = cast("str | None", self._redis.get(RATE_KEY))
        return None if text is None else float(text)

    def _all(self) -> tuple[dict[str, str], float]:
        """Return all heartbeats, and the time."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(WORKERS_KEY)
        pipe.time()
        fields, time = pipe.execute()
        return fields, seconds(time)


def living(fields: Mapping[str, str], now: float) -> list[Heartbeat]:
    """Return the heartbeats in the hash of workers, without those of workers that are gone.

    Args:
        fields: The hash.
        now: The time by Redis's clock.
    """
    beats = (_parse(text) for text in fields.values())
    return [beat for beat in beats if beat is not None and beat.until > now]


def _parse(text: str) -> Heartbeat | None:
    """Read a heartbeat; one of another version of Glimpse may not be readable."""
    try:
        return Heartbeat.model_validate_json(text)
    except ValidationError:
        return None
