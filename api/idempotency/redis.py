"""Idempotency keys in Redis, shared by all processes of the API: a small hash for each."""

from __future__ import annotations

import hashlib
from typing import cast

from redis import Redis

from api.idempotency.base import Binding, Standing, Taking
from common.redis_client import broker_call
from common.redis_time import NOW_LUA

# Grants the key, or says why not. A key that is bound to nothing yet is forgotten with its
# lease. KEYS: the key; ARGV: owner, lease in ms.
_TAKE_LUA = (
    NOW_LUA
    + """
local owner, ends, fingerprint, job, settled =
  unpack(redis.call('HMGET', KEYS[1], 'owner', 'until', 'fingerprint', 'job', 'settled'))
if settled then return {'settled', fingerprint, job} end
if owner and owner ~= ARGV[1] and tonumber(ends) > now then return {'busy'} end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', now + ARGV[2])
if job then return {'granted', fingerprint, job} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'granted'}
"""
)

# KEYS: the key; ARGV: owner, fingerprint, job, seconds to keep it.
_BIND_LUA = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'job', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""

# KEYS: the key; ARGV: owner, seconds to keep it.
_SETTLE_LUA = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return end
redis.call('HDEL', KEYS[1], 'owner', 'until')
redis.call('HSET', KEYS[1], 'settled', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

# KEYS: the key; ARGV: owner. A hash without fields is no more.
_GIVE_BACK_LUA = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'owner', 'until')
end
"""


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
        self._take = redis.register_script(_TAKE_LUA)
        self._bind = redis.register_script(_BIND_LUA)
        self._settle = redis.register_script(_SETTLE_LUA)
        self._give_back = redis.register_script(_GIVE_BACK_LUA)

    @broker_call
    def take(self, tenant: str, key: str, owner: str) -> Taking:
        """Ask for a key, or renew the lease on it."""
        found = self._take(keys=[_name(tenant, key)], args=[owner, self._lease_ms])
        standing, *binding = cast("list[str]", found)
        return Taking(Standing(standing), Binding(*binding) if binding else None)

    @broker_call
    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Note what the key stands for."""
        args: list[str | int] = [owner, binding.fingerprint, binding.job_id, self._ttl_s]
        return bool(self._bind(keys=[_name(tenant, key)], args=args))

    @broker_call
    def settle(self, tenant: str, key: str, owner: str) -> None:
        """Note that what it is bound to was done."""
        self._settle(keys=[_name(tenant, key)], args=[owner, self._ttl_s])

    @broker_call
    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Let another request have it."""
        self._give_back(keys=[_name(tenant, key)], args=[owner])


def _name(tenant: str, key: str) -> str:
    # A digest: what a caller chose is no part of a name in Redis.
    return f"glimpse:idempotency:{tenant}:{hashlib.sha256(key.encode()).hexdigest()}"
