"""Checks Redis: version, durability, eviction, memory, latency and clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, cast

from redis import Redis

from cli.doctor.clock import clock_finding
from common.errors import BrokerUnavailable, SetupError
from common.findings import Finding, Part
from common.redis.address import RedisAddress
from common.redis.setup import require_redis
from common.redis.time import RedisClock

_PART = Part("redis")

# The first version with every command that Glimpse uses.
_VERSION_MIN = (6, 2)
# Share of the memory limit from which it may soon be full.
_MEMORY_MAX = 0.8
# Round trips to time, and the median from which every request is slow, in milliseconds.
_PINGS, _LATENCY_MS_MAX = 20, 5.0


def reach(address: RedisAddress, advice: str) -> Finding | None:
    """Return why a process cannot use Redis, or None if it can; with advice on its address."""
    try:
        require_redis(address)
    except (BrokerUnavailable, SetupError) as error:
        return _PART.error("answers", str(error), advice)
    return None


def look(redis: Redis, address: RedisAddress) -> Iterator[Finding]:
    """Yield what there is to say about a Redis that answers."""
    info = cast("Mapping[str, Any]", redis.info())
    yield _version(info, address)
    yield _persistence(info)
    yield _eviction(info)
    yield _memory(info)
    yield _latency(redis)
    yield clock_finding("redis", "This machine's clock", RedisClock(redis).skew_s())


def _version(info: Mapping[str, Any], address: RedisAddress) -> Finding:
    # Valkey reports the version of Redis that it is compatible with beside its own.
    name, version = "Redis", str(info["redis_version"])
    if "valkey_version" in info:
        name, version = "Valkey", str(info["valkey_version"])
    text = f"{name} {version} at {address}, {'with' if address.tls else 'without'} TLS."
    if tuple(map(int, str(info["redis_version"]).split(".")[:2])) < _VERSION_MIN:
        return _PART.error("version", text, "Upgrade to Redis 6.2 or later, or to Valkey.")
    return _PART.ok("version", text)


def _persistence(info: Mapping[str, Any]) -> Finding:
    if not info["aof_enabled"]:
        return _PART.warning(
            "persistence",
            "No append-only file: if Redis crashes, it loses what was accepted since its last"
            " snapshot.",
            "Set `appendonly yes`.",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return _PART.error(
            "persistence",
            "The last write to the append-only file failed.",
            "Check Redis's log and its disk.",
        )
    return _PART.ok("persistence", "The append-only file is written.")


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        return _PART.error(
            "eviction",
            f"The eviction policy is {policy}: when memory is full, Redis deletes tasks and jobs.",
            "Set `maxmemory-policy noeviction`.",
        )
    return _PART.ok("eviction", "Nothing is evicted.")


def _memory(info: Mapping[str, Any]) -> Finding:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    text = f"{_mib(used)} of memory used, {f'of {_mib(limit)}' if limit else 'without a limit'}."
    if limit and used / limit > _MEMORY_MAX:
        return _PART.warning(
            "memory",
            text,
            "Raise `maxmemory`, or keep jobs for a shorter time (GLIMPSE_JOB_TTL_S): uploads are"
            " refused when it is full.",
        )
    return _PART.ok("memory", text)


def _latency(redis: Redis) -> Finding:
    found = []
    for _ in range(_PINGS):
        started = time.perf_counter()
        redis.ping()
        found.append(1000 * (time.perf_counter() - started))
    text = f"A round trip takes {median(found):.1f} ms."
    if median(found) > _LATENCY_MS_MAX:
        return _PART.warning(
            "latency", text, "Run Redis near the API and the workers, and check its load."
        )
    return _PART.ok("latency", text)


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"
