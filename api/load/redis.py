"""Load, read from Redis in one round trip."""

from __future__ import annotations

from redis import Redis

from api.load.base import Load, rate_of
from common.heartbeats import RATE_KEY, WORKERS_KEY, living
from common.jobs.redis import PENDING_BY_TENANT_KEY, PENDING_KEY
from common.redis_client import broker_call
from common.redis_time import seconds


class RedisLoad:
    """Measures the load of the jobs and workers of one Redis.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def read(self, tenant: str = "") -> Load:
        """Return the current load."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(PENDING_KEY)
        pipe.hget(PENDING_BY_TENANT_KEY, tenant)
        pipe.hgetall(WORKERS_KEY)
        pipe.get(RATE_KEY)
        pipe.info("memory")
        pipe.time()
        pending, tenant_pending, workers, rate, memory, time = pipe.execute()
        beats = living(workers, seconds(time))
        return Load(
            pending=max(0, int(pending or 0)),
            tenant_pending=max(0, int(tenant_pending or 0)),
            rate_per_s=rate_of(beats, float(rate) if rate else None),
            memory_bytes=memory["used_memory"],
            memory_bytes_max=memory["maxmemory"],
        )
