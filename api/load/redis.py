"""Load, read from Redis in one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from redis import Redis

from api.load.base import Load, rate_of
from common.heartbeats import RATE_KEY, WORKERS_KEY, living
from common.jobs.redis import PENDING_BY_TENANT_KEY, PENDING_KEY
from common.quotas.redis import quota_keys, read_quota
from common.recent import Recent
from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.redis.time import seconds

# Seconds for which the rate and the memory are taken as known, as long as less than this share of
# the memory is used. Workers report their rates every few seconds.
_CAPACITY_S, _ROOMY_SHARE = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class _Capacity:
    """What changes slowly; see ``Load``."""

    rate_per_s: float
    memory_bytes: int
    memory_bytes_max: int


class RedisLoad:
    """Measures the load of the jobs and workers of one Redis.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._read = RedisScript(redis, "api/load/lua/read.lua")
        self._capacity = Recent(self._read_capacity, _CAPACITY_S)

    @broker_call
    def read(self, tenant: str = "") -> Load:
        """Return the current load."""
        pending, tenant_pending, *quota = cast(
            "list[str | None]",
            self._read(
                pending_key=PENDING_KEY,
                tenants_key=PENDING_BY_TENANT_KEY,
                tenant=tenant,
                **quota_keys(tenant),
            ),
        )
        capacity = self._capacity()
        if capacity.memory_bytes > _ROOMY_SHARE * capacity.memory_bytes_max > 0:
            capacity = self._capacity.again()
        return Load(
            pending=max(0, int(pending or 0)),
            tenant_pending=max(0, int(tenant_pending or 0)),
            rate_per_s=capacity.rate_per_s,
            memory_bytes=capacity.memory_bytes,
            memory_bytes_max=capacity.memory_bytes_max,
            quota=read_quota(tenant, *quota),
        )

    def _read_capacity(self) -> _Capacity:
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(WORKERS_KEY)
        pipe.get(RATE_KEY)
        pipe.info("memory")
        pipe.time()
        workers, rate, memory, time = pipe.execute()
        beats = living(workers, seconds(time))
        return _Capacity(
            rate_per_s=rate_of(beats, float(rate) if rate else None),
            memory_bytes=memory["used_memory"],
            memory_bytes_max=memory["maxmemory"],
        )
