"""Dead letters in Redis: a hash of letters and a sorted set of their ids by time per tenant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis

from common.cursors import read_cursor
from common.dead_letters.base import DeadLetter, busy_letter, cursor_of, no_letter
from common.redis.client import broker_call
from common.redis.scripts import RedisScript

# Number of ids read per command while a page is assembled.
_IDS_PER_CALL = 1000

# The tenants that have or had letters, so that all letters can be counted.
_TENANTS = "glimpse:dead-tenants"


class RedisDeadLetters:
    """Stores dead letters in Redis until they are replayed or removed.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._remove = RedisScript(redis, "common/dead_letters/lua/remove.lua")
        self._take = RedisScript(redis, "common/dead_letters/lua/take.lua")
        self._give_back = RedisScript(redis, "common/dead_letters/lua/give_back.lua")

    @broker_call
    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters."""
        pipe = self._redis.pipeline(transaction=True)
        for letter in letters:
            pipe.hset(_letters(letter.tenant), letter.id, letter.model_dump_json())
            pipe.zadd(_times(letter.tenant), {letter.id: letter.at})
            pipe.sadd(_TENANTS, letter.tenant)
        pipe.execute()

    @broker_call
    def get(self, tenant: str, image_id: str) -> DeadLetter:
        """Return a letter."""
        text = cast("str | None", self._redis.hget(_letters(tenant), image_id))
        if text is None:
            raise no_letter(image_id)
        return DeadLetter.model_validate_json(text)

    @broker_call
    def take(self, tenant: str, image_id: str, owner: str, lease_s: float) -> DeadLetter:
        """Return a letter, leased to an owner."""
        found = self._take(
            letters_key=_letters(tenant),
            lease_key=_lease(tenant, image_id),
            image_id=image_id,
            owner=owner,
            lease_ms=int(lease_s * 1000),
        )
        if not found:
            raise no_letter(image_id)
        text, is_taken = cast("tuple[str, int]", found)
        if not is_taken:
            raise busy_letter(image_id)
        return DeadLetter.model_validate_json(text)

    @broker_call
    def give_back(self, tenant: str, image_id: str, owner: str) -> None:
        """Release the lease on a letter."""
        self._give_back(lease_key=_lease(tenant, image_id), owner=owner)

    @broker_call
    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter; with ``job_id``, only a letter of that job."""
        is_removed = self._remove(
            letters_key=_letters(tenant),
            times_key=_times(tenant),
            image_id=image_id,
            job_id=job_id or "",
        )
        return bool(is_removed)

    @broker_call
    def count(self) -> int:
        """Return the number of letters of all tenants."""
        pipe = self._redis.pipeline(transaction=False)
        for tenant in cast("set[str]", self._redis.smembers(_TENANTS)):
            pipe.hlen(_letters(tenant))
        return sum(pipe.execute())

    @broker_call
    def tenants(self) -> list[str]:
        """Return the tenants that have or had letters, sorted."""
        return sorted(cast("set[str]", self._redis.smembers(_TENANTS)))

    @broker_call
    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return a page of a tenant's letters, newest first."""
        ids: list[str] = []
        for image_id in self._newest(tenant, cursor):
            ids.append(image_id)
            if len(ids) > limit:
                break
        shown = ids[:limit]
        texts = cast(
            "list[str | None]", self._redis.hmget(_letters(tenant), shown) if shown else []
        )
        letters = [DeadLetter.model_validate_json(text) for text in texts if text is not None]
        return letters, cursor_of(letters[-1]) if len(ids) > limit and letters else None

    def _newest(self, tenant: str, cursor: str | None) -> Iterator[str]:
        """Iterate over the ids by descending time, then by descending id."""
        last = read_cursor(cursor) if cursor is not None else None
        highest = "+inf" if last is None else last[0]
        start = 0
        while True:
            found = self._redis.zrange(
                _times(tenant),
                highest,
                "-inf",
                desc=True,
                byscore=True,
                offset=start,
                num=_IDS_PER_CALL,
                withscores=True,
            )
            page = cast("list[tuple[str, float]]", found)
            for image_id, at in page:
                if last is None or (at, image_id) < last:
                    yield image_id
            if len(page) < _IDS_PER_CALL:
                return
            start += _IDS_PER_CALL


def _letters(tenant: str) -> str:
    return f"glimpse:dead:{tenant}"


def _times(tenant: str) -> str:
    return f"glimpse:dead:{tenant}:times"


def _lease(tenant: str, image_id: str) -> str:
    return f"glimpse:dead:{tenant}:taken:{image_id}"
