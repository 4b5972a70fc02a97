"""Heartbeats: each worker's report on itself, from which the API knows the live workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from pydantic import ValidationError
from redis import Redis

from common.contract import INGEST_QUEUE, Message, NoiseThreshold
from common.redis.client import broker_call
from common.redis.time import seconds

# A hash with a field for each worker, and the last known rate of all ingest workers together, in
# images per second.
WORKERS_KEY, RATE_KEY = "glimpse:workers", "glimpse:ingest:rate"
# Seconds after its last poll at which a consumer counts as stuck. It polls every second, but after
# a long outage of Redis it waits half a minute between attempts to connect.
_ASKED_AGE_MAX_S = 60.0


class Heartbeat(Message):
    """A worker's report on itself, written every few seconds."""

    # Unique among all workers: queue, host and process.
    name: str
    queue: str
    # Name and revision of its encoder.
    model: str
    revision: str
    # The version of Glimpse that it runs; empty from versions that do not report it.
    version: str = ""
    # What it knows of its model's noise; None from workers of earlier versions.
    noise_threshold: NoiseThreshold | None = None
    # Whether its model is active, so that it serves the queue's tasks.
    serves: bool = True
    # When this was written and when it expires, in seconds since 1970 by Redis's clock.
    at: float
    until: float
    # When the model last returned a result, for a task or a probe; by the same clock.
    inference_at: float
    # When its consumer last polled for work, in seconds since 1970. None before the first poll, or
    # if the worker's version does not report it.
    asked_at: float | None = None
    # Images it finishes per second while it has work; None if not known yet.
    rate_per_s: float | None = None
    # Why the vector store does not answer this worker; None if it answers.
    store_error: str | None = None
    # Seconds by which its machine's clock is ahead of Redis's; negative if it is behind.
    clock_skew_s: float = 0.0

    def consumes(self, now: float) -> bool:
        """Return whether its consumer takes work, as far as known."""
        return self.asked_at is None or now - self.asked_at <= _ASKED_AGE_MAX_S


class Heartbeats(Protocol):
    """Stores heartbeats; every method raises ``BrokerUnavailable``."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Store a heartbeat, replacing the worker's previous one."""
        ...

    def stop(self, name: str) -> None:
        """Remove the heartbeat of a worker that is shutting down."""
        ...

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all live workers."""
        ...

    def last_rate(self) -> float | None:
        """Return the last known ``fleet_rate``."""
        ...


def fleet_rate(beats: Iterable[Heartbeat]) -> float | None:
    """Return the images per second that all ingest workers of the active model finish together.

    A worker whose rate is not known yet counts with the mean of the others. Returns None if no
    rate is known.
    """
    rates = [beat.rate_per_s for beat in beats if beat.queue == INGEST_QUEUE and beat.serves]
    known = [rate for rate in rates if rate]
    return sum(known) / len(known) * len(rates) if known else None


class MemoryHeartbeats:
    """Heartbeats in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        self._beats: dict[str, Heartbeat] = {}
        self._rate: float | None = None

    def beat(self, heartbeat: Heartbeat) -> None:
        """Store a heartbeat."""
        self._beats[heartbeat.name] = heartbeat
        self._rate = fleet_rate(self.alive()) or self._rate

    def stop(self, name: str) -> None:
        """Remove the heartbeat of a worker that is shutting down."""
        self._beats.pop(name, None)

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all live workers."""
        return [beat for beat in self._beats.values() if beat.until > time.time()]

    def last_rate(self) -> float | None:
        """Return the last known ``fleet_rate``."""
        return self._rate


class RedisHeartbeats:
    """Stores heartbeats in a Redis hash with a field for each worker."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def beat(self, heartbeat: Heartbeat) -> None:
        """Store a heartbeat, remove expired ones, and update the last known rate."""
        self._redis.hset(WORKERS_KEY, heartbeat.name, heartbeat.model_dump_json())
        fields, now = self._all()
        beats = living(fields, now)
        expired = set(fields) - {beat.name for beat in beats}
        if expired:
            self._redis.hdel(WORKERS_KEY, *expired)
        rate = fleet_rate(beats)
        if rate is not None:
            self._redis.set(RATE_KEY, rate)

    @broker_call
    def stop(self, name: str) -> None:
        """Remove the heartbeat of a worker that is shutting down."""
        self._redis.hdel(WORKERS_KEY, name)

    @broker_call
    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all live workers."""
        return living(*self._all())

    @broker_call
    def last_rate(self) -> float | None:
        """Return the last known ``fleet_rate``."""
        text = cast("str | None", self._redis.get(RATE_KEY))
        return None if text is None else float(text)

    def _all(self) -> tuple[dict[str, str], float]:
        """Return all heartbeats, including expired ones, and Redis's time."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(WORKERS_KEY)
        pipe.time()
        fields, time = pipe.execute()
        return fields, seconds(time)


def living(fields: Mapping[str, str], now: float) -> list[Heartbeat]:
    """Parse the heartbeats in the hash of workers, without expired ones.

    Args:
        fields: The fields of the hash.
        now: The time by Redis's clock.
    """
    beats = (_parse(text) for text in fields.values())
    return [beat for beat in beats if beat is not None and beat.until > now]


def _parse(text: str) -> Heartbeat | None:
    """Parse a heartbeat; None if another version of Glimpse wrote it in another form."""
    try:
        return Heartbeat.model_validate_json(text)
    except ValidationError:
        return None
