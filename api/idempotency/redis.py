"""Idempotency keys in Redis, shared by all processes of the API: a small hash for each."""

from __future__ import annotations

import hashlib
from typing import cast

from redis import Redis

from api.idempotency.base import Binding, Standing, Taking
from common.redis_client import broker_call
from common.redis_scripts import RedisScript


class RedisIdempotency:
    """Keys in Redis.

    Args:
        redis: A client that decodes responses.
        ttl_s: Seconds that a key is kept after it was bound.
        lease_s: Seconds after which a key that was not renewed is free.
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
        """Ask for a key, or renew the lease on it."""
        found = self._take(idempotency_key=_name(tenant, key), owner=owner, lease_ms=self._lease_ms)
        standing, *binding = cast("list[str]", found)
        return Taking(Standing(standing), Binding(*binding) if binding else None)

    @broker_call
    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Note what the key stands for."""
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
        """Note that what it is bound to was done."""
        self._settle(idempotency_key=_name(tenant, key), owner=owner, ttl_s=self._ttl_s)

    @broker_call
    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Let another request have it."""
        self._give_back(idempotency_key=_name(tenant, key), owner=owner)


def _name(tenant: str, key: str) -> str:
    # A digest: what a caller chose is no part of a name in Redis.
    return f"glimpse:idempotency:{tenant}:{hashlib.sha256(key.encode()).hexdigest()}"
