"""Quotas in Redis: hashes of limits and counts by tenant, and a set of grants for each tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from redis import Redis

from common.quotas.base import Quota
from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.redis.time import RedisClock

# Limits and counts by tenant.
_MAX, _COUNTED = "glimpse:quotas", "glimpse:quotas:counted"


class RedisQuotas:
    """Stores quotas in Redis without expiry.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._clock = RedisClock(redis)
        self._grant = RedisScript(redis, "common/quotas/lua/grant.lua")
        self._settle = RedisScript(redis, "common/quotas/lua/settle.lua")
        self._correct = RedisScript(redis, "common/quotas/lua/correct.lua")

    @broker_call
    def put(self, tenant: str, images_max: int | None) -> None:
        """Set or remove a tenant's quota."""
        if images_max is not None:
            self._redis.hset(_MAX, tenant, images_max)
            return
        pipe = self._redis.pipeline()
        pipe.hdel(_MAX, tenant)
        pipe.hdel(_COUNTED, tenant)
        pipe.delete(_granted_key(tenant))
        pipe.execute()

    @broker_call
    def find(self, tenant: str) -> Quota | None:
        """Return a tenant's quota, in one round trip."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(_MAX, tenant)
        pipe.hget(_COUNTED, tenant)
        pipe.zcard(_granted_key(tenant))
        return read_quota(tenant, *pipe.execute())

    @broker_call
    def all(self) -> list[Quota]:
        """Return all quotas, by the tenants' names."""
        tenants = sorted(cast("list[str]", self._redis.hkeys(_MAX)))
        return [quota for tenant in tenants if (quota := self.find(tenant))]

    @broker_call
    def some(self, count: int) -> list[str]:
        """Return up to ``count`` tenants that have a quota, chosen at random."""
        return cast("list[str]", self._redis.hrandfield(_MAX, count) or [])

    @broker_call
    def grant(self, tenant: str, ids: Sequence[str]) -> set[str]:
        """Grant images until the quota is full, atomically."""
        found = self._grant(
            max_key=_MAX,
            counted_key=_COUNTED,
            granted_key=_granted_key(tenant),
            tenant=tenant,
            now=self._clock.now(),
            ids=list(ids),
        )
        return set(cast("list[str]", found))

    @broker_call
    def settle(
        self,
        tenant: str,
        *,
        indexed: Collection[str] = (),
        ended: Collection[str] = (),
        deleted: Collection[str] = (),
    ) -> None:
        """Count images, atomically."""
        self._settle(
            counted_key=_COUNTED,
            granted_key=_granted_key(tenant),
            tenant=tenant,
            indexed=list(indexed),
            ended=list(ended),
            deleted=list(deleted),
        )

    @broker_call
    def granted(self, tenant: str, older_s: float) -> tuple[list[str], list[str]]:
        """Return the ids granted and not settled."""
        key, limit = _granted_key(tenant), self._clock.now() - older_s
        every = cast("list[str]", self._redis.zrange(key, 0, -1))
        return every, cast("list[str]", self._redis.zrangebyscore(key, "-inf", limit))

    @broker_call
    def correct(
        self, tenant: str, before: Quota, counted: int, settled: Collection[str] = ()
    ) -> bool:
        """Set the count of a tenant's rows, unless its use has changed."""
        done = self._correct(
            max_key=_MAX,
            counted_key=_COUNTED,
            granted_key=_granted_key(tenant),
            tenant=tenant,
            images_max=before.images_max,
            counted_before="" if before.counted is None else before.counted,
            granted_before=before.granted,
            counted=counted,
            settled=list(settled),
        )
        return bool(done)


def quota_keys(tenant: str) -> dict[str, str]:
    """Return the keys of a tenant's quota and its use, by their names in scripts."""
    return {"max_key": _MAX, "counted_key": _COUNTED, "granted_key": _granted_key(tenant)}


def read_quota(
    tenant: str, images_max: str | None, counted: str | None, granted: str | int | None
) -> Quota | None:
    """Return the quota with these values of its keys; None if the tenant has none."""
    if images_max is None:
        return None
    used = None if counted is None else int(counted)
    return Quota(tenant, int(images_max), used, int(granted or 0))


def _granted_key(tenant: str) -> str:
    return f"glimpse:quotas:granted:{tenant}"
