"""Heartbeats: what each worker says of itself, so that the API knows who is there."""

from __future__ import annotations

import time
from typing import Protocol, cast

from pydantic import ValidationError
from redis import Redis

from common.contract import Message
from common.redis_client import broker_call

_KEY = "glimpse:workers"


class Heartbeat(Message):
    """One worker's own account, written every few seconds."""

    # Unique among all workers: queue, host and process.
    name: str
    queue: str
    # Name and revision of the encoder it holds.
    model: str
    revision: str
    # When this was written, and when it counts as gone; seconds since 1970.
    at: float
    until: float
    # When the model last gave a result, a real one or a probe; seconds since 1970.
    inference_at: float
    # Images it brings to an end in a second while it has work; None where that is not known.
    rate_per_s: float | None = None
    # Why the vector store does not answer this worker, or None where it does.
    store_error: str | None = None


class Heartbeats(Protocol):
    """Where heartbeats are left and read; both raise ``BrokerUnavailable``."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat in place of the worker's last one."""
        ...

    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away: it is going."""
        ...

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        ...


class MemoryHeartbeats:
    """Heartbeats in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        self._beats: dict[str, Heartbeat] = {}

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat."""
        self._beats[heartbeat.name] = heartbeat

    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away."""
        self._beats.pop(name, None)

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        return [beat for beat in self._beats.values() if beat.until > time.time()]


class RedisHeartbeats:
    """Heartbeats in one hash of Redis, a field for each worker."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a heartbeat, and clear away those of workers long gone."""
        self._redis.hset(_KEY, heartbeat.name, heartbeat.model_dump_json())
        for name, text in self._all().items():
            beat = _parse(text)
            if beat is None or beat.until < time.time():
                self._redis.hdel(_KEY, name)

    @broker_call
    def stop(self, name: str) -> None:
        """Take a worker's heartbeat away."""
        self._redis.hdel(_KEY, name)

    @broker_call
    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of all workers that are not gone."""
        beats = (_parse(text) for text in self._all().values())
        return [beat for beat in beats if beat is not None and beat.until > time.time()]

    def _all(self) -> dict[str, str]:
        return cast("dict[str, str]", self._redis.hgetall(_KEY))


def _parse(text: str) -> Heartbeat | None:
    """Read a heartbeat; one of another version of Glimpse may not be readable."""
    try:
        return Heartbeat.model_validate_json(text)
    except ValidationError:
        return None
