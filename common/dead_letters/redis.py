"""Dead letters in Redis: for each tenant a hash of letters, and their ids by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis

from common.cursors import read_cursor
from common.dead_letters.base import DeadLetter, busy_letter, cursor_of, no_letter
from common.redis_client import broker_call
from common.redis_scripts import RedisScript

# Ids read at a time while a page is put together.
_IDS_PER_CALL = 1000

# The tenants that have letters or had some, so that all letters can be counted.
_TENANTS = "glimpse:dead-tenants"


class RedisDeadLetters:
    """Dead letters in Redis; they are kept until somebody replays or removes them.

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
        """Keep letters."""
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
        """Return a letter that nobody else gets."""
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
        """Let others take it."""
        self._give_back(lease_key=_lease(tenant, image_id), owner=owner)

    @broker_call
    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter, or only that of one job."""
        is_removed = self._remove(
            letters_key=_letters(tenant),
            times_key=_times(tenant),
            image_id=image_id,
            job_id=job_id or "",
        )
        return bool(is_removed)

    @broker_call
    def count(self) -> int:
        """Return how many letters there are, of all tenants together."""
        pipe = self._redis.pipeline(transaction=False)
        for tenant in cast("set[str]", self._redis.smembers(_TENANTS)):
            pipe.hlen(_letters(tenant))
        return sum(pipe.execute())

    @broker_call
    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return letters of a tenant, the newest first."""
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
        """Go through the ids, the newest first; those of one time in descending order."""
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
