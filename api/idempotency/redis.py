"""Idempotency keys in Redis, shared by all API processes: a small hash per key."""

from __future__ import annotations

import hashlib
from typing import cast

from redis import Redis

from api.idempotency.base import Binding, Standing, Taking
from common.redis.client import broker_call
from common.redis.scripts import RedisScript


class RedisIdempotency:
    """Stores keys in Redis.

    Args:
        redis: A client that decodes responses.
        ttl_s: Seconds that a key is kept after it is bound.
        lease_s: Seconds after which the lease on a key expires unless it is renewed.
    """

    def __init__(self, redis: Redis, ttl_s: int, lease_s: float) -> None:
        self._ttl_s = ttl_s
        self._lease_ms = int(lease_s * 1000)
        self._take = RedisScript(redis, "api/idempotency/lua/take.lua")
        self._bind = RedisScript(redis, "api/idempotency/lua/bind.lua")
        self._settle = RedisScript(redis, "api/idempotency/lua/settle.lua")
        self._give_back = RedisScript(redis, "api/idempotency/lua/give_back.lua")

    @broker_call
    def take(self, tenant: str, key: str, owner: str) -> Taking:
        """Take a lease on a key, or renew it."""
        found = self._take(idempotency_key=_name(tenant, key), owner=owner, lease_ms=self._lease_ms)
        standing, *binding = cast("list[str]", found)
        return Taking(Standing(standing), Binding(*binding) if binding else None)

    @broker_call
    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Bind a key to a request and its job."""
        is_bound = self._bind(
            idempotency_key=_name(tenant, key),
            owner=owner,
            fingerprint=binding.fingerprint,
            job_id=binding.job_id,
            ttl_s=self._ttl_s,
        )
        return bool(is_bound)

    @broker_call
    def settle(self, tenant: str, key: str, owner: str) -> None:
        """Record that the job was accepted."""
        self._settle(idempotency_key=_name(tenant, key), owner=owner, ttl_s=self._ttl_s)

    @broker_call
    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Release a key for other requests."""
        self._give_back(idempotency_key=_name(tenant, key), owner=owner)


def _name(tenant: str, key: str) -> str:
    # A digest, so that no text from a caller becomes part of a Redis key.
    return f"glimpse:idempotency:{tenant}:{hashlib.sha256(key.encode()).hexdigest()}"
