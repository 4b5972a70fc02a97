"""Webhooks in Redis.

A delivery is a hash beside the keys of its job. The deliveries of each tenant are in two sorted
sets: all of them by the time of creation, and the pending ones by when they are due.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis

from common.newest_first import NewestFirst
from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.webhooks.base import (
    ATTEMPTS_KEPT,
    Attempt,
    Claim,
    Delivery,
    DeliveryState,
    Secret,
    no_delivery,
    valid,
)
from common.webhooks.signing import make_secret

# Prefix of the keys that all webhooks share; the script that ends a job adds to some of them.
WEBHOOKS_PREFIX = "glimpse:webhooks:"
# Tenants by when one of their deliveries may be taken next.
_TURNS = f"{WEBHOOKS_PREFIX}turns"
# Each tenant's default URL.
_DEFAULTS = f"{WEBHOOKS_PREFIX}defaults"
_JOB_PREFIX = "glimpse:job:"


class RedisWebhooks:
    """Stores webhooks in Redis.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._list = NewestFirst(redis, self._read)
        self._claim = RedisScript(redis, "common/webhooks/lua/claim.lua")
        self._settle = RedisScript(redis, "common/webhooks/lua/settle.lua")
        self._replay = RedisScript(redis, "common/webhooks/lua/replay.lua")

    @broker_call
    def claim(self, now: float, lease_s: float) -> Claim | None:
        """Take a delivery that is due, atomically."""
        token, held_until = uuid.uuid4().hex, now + lease_s
        found = self._claim(
            turns_key=_TURNS,
            due_prefix=_due_key(""),
            job_prefix=_JOB_PREFIX,
            now=now,
            held_until=held_until,
            token=token,
        )
        if not found:
            return None
        # A script returns a hash as alternating names and values.
        delivery_id, *pairs = cast("list[str]", found)
        fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return Claim(_delivery(delivery_id, fields, held_until), token)

    @broker_call
    def settle(
        self, claim: Claim, attempt: Attempt, state: DeliveryState, due_at: float | None = None
    ) -> bool:
        """Record an attempt, atomically."""
        delivery = claim.delivery
        attempts = [*delivery.attempts, attempt][-ATTEMPTS_KEPT:]
        done = self._settle(
            **_keys(delivery.tenant, delivery.id),
            token=claim.token,
            state=state,
            tries=delivery.tries + 1,
            attempts=json.dumps([each.model_dump() for each in attempts]),
            due_at="" if due_at is None else due_at,
        )
        return bool(done)

    @broker_call
    def get(self, tenant: str, delivery_id: str) -> Delivery:
        """Return a delivery."""
        (found,) = self._read(_list_key(tenant), [delivery_id])
        if found is None or found.tenant != tenant:
            raise no_delivery(delivery_id)
        return found

    @broker_call
    def page(
        self, tenant: str, state: DeliveryState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Delivery], str | None]:
        """Return a page of a tenant's deliveries, newest first."""
        return self._list.page(
            _list_key(tenant),
            lambda delivery: state is None or delivery.state == state,
            limit,
            cursor,
        )

    @broker_call
    def replay(self, tenant: str, delivery_id: str, now: float) -> Delivery:
        """Send a delivery again, atomically."""
        if not self._replay(**_keys(tenant, delivery_id), now=now):
            raise no_delivery(delivery_id)
        return self.get(tenant, delivery_id)

    @broker_call
    def rotate(self, tenant: str, now: float) -> Secret:
        """Create a tenant's secret."""
        secret, key = Secret(make_secret(), now), _secrets_key(tenant)
        pipe = self._redis.pipeline(transaction=True)
        pipe.lpush(key, json.dumps([secret.text, secret.created_at]))
        pipe.ltrim(key, 0, 1)
        pipe.execute()
        return secret

    @broker_call
    def secrets(self, tenant: str, now: float) -> list[Secret]:
        """Return a tenant's valid secrets, newest first."""
        found = cast("list[str]", self._redis.lrange(_secrets_key(tenant), 0, 1))
        return valid([Secret(*json.loads(each)) for each in found], now)

    @broker_call
    def put_default(self, tenant: str, url: str | None) -> None:
        """Set or remove a tenant's default URL."""
        if url is None:
            self._redis.hdel(_DEFAULTS, tenant)
        else:
            self._redis.hset(_DEFAULTS, tenant, url)

    @broker_call
    def defaults(self) -> Mapping[str, str]:
        """Return all default URLs, by tenant."""
        return cast("dict[str, str]", self._redis.hgetall(_DEFAULTS))

    def _read(self, list_key: str, ids: Sequence[str]) -> list[Delivery | None]:
        """Return the deliveries with these ids; expired ones are None."""
        due_key = _due_key(list_key.removeprefix(_list_key("")))
        pipe = self._redis.pipeline(transaction=False)
        for delivery_id in ids:
            pipe.hgetall(_delivery_key(delivery_id))
            pipe.zscore(due_key, delivery_id)
        found: list[Any] = pipe.execute() if ids else []
        return [
            _delivery(delivery_id, fields, due_at) if fields else None
            for delivery_id, fields, due_at in zip(ids, found[::2], found[1::2], strict=True)
        ]


def _delivery(delivery_id: str, fields: Mapping[str, str], due_at: float | None) -> Delivery:
    attempts = json.loads(fields.get("attempts", "[]"))
    return Delivery(
        id=delivery_id,
        tenant=fields["tenant"],
        url=fields["url"],
        created_at=float(fields["created_at"]),
        since=float(fields["since"]),
        state=cast("DeliveryState", fields["state"]),
        tries=int(fields.get("tries", 0)),
        due_at=due_at,
        attempts=tuple(Attempt.model_validate(each) for each in attempts),
    )


def _keys(tenant: str, delivery_id: str) -> dict[str, str]:
    """Return what the scripts about one delivery need, by its name in them."""
    return {
        "delivery_key": _delivery_key(delivery_id),
        "due_key": _due_key(tenant),
        "turns_key": _TURNS,
        "job_id": delivery_id,
        "tenant": tenant,
    }


def _delivery_key(delivery_id: str) -> str:
    return f"{_JOB_PREFIX}{delivery_id}:delivery"


def _due_key(tenant: str) -> str:
    return f"{WEBHOOKS_PREFIX}due:{tenant}"


def _list_key(tenant: str) -> str:
    return f"{WEBHOOKS_PREFIX}list:{tenant}"


def _secrets_key(tenant: str) -> str:
    return f"{WEBHOOKS_PREFIX}secrets:{tenant}"
