"""Claims in Redis: a small hash for each image that is in hand, or was when a worker died."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import cast

from redis import Redis

from common.claims.base import Verdict
from common.redis_client import broker_call
from common.redis_time import NOW_LUA

# Seconds that the attempts of an image are kept after the last of them, unless it was
# settled or quarantined: as long as a job's record by default.
_KEPT_S = 7 * 86_400
# Keys that one script looks at, at most, so that Redis is not held up.
_KEYS_PER_CALL = 1000

# Grants, or says why not; see ``_VERDICTS`` for the numbers.
# KEYS: one for each image; ARGV: owner, lease in ms, attempts allowed, whether alone,
# seconds to keep.
_TAKE_LUA = (
    NOW_LUA
    + """
local verdicts = {}
for i, key in ipairs(KEYS) do
  local owner, ends, attempts = unpack(redis.call('HMGET', key, 'owner', 'until', 'attempts'))
  attempts = tonumber(attempts or 0)
  if owner == ARGV[1] then
    redis.call('HSET', key, 'until', now + ARGV[2])
    verdicts[i] = 0
  elseif owner and tonumber(ends) > now then
    verdicts[i] = 1
  elseif attempts >= tonumber(ARGV[3]) then
    redis.call('HDEL', key, 'owner')
    redis.call('PERSIST', key)
    verdicts[i] = 3
  elseif attempts > 0 and ARGV[4] == '0' then
    verdicts[i] = 2
  else
    redis.call('HSET', key, 'owner', ARGV[1], 'until', now + ARGV[2], 'attempts', attempts + 1)
    redis.call('EXPIRE', key, ARGV[5])
    verdicts[i] = 0
  end
end
return verdicts
"""
)
_VERDICTS = (Verdict.GRANTED, Verdict.BUSY, Verdict.SUSPECT, Verdict.QUARANTINED)

# KEYS: images; ARGV: owner.
_SETTLE_LUA = """
for _, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'owner') == ARGV[1] then redis.call('DEL', key) end
end
"""

# KEYS: images; ARGV: the owner of each.
_GIVE_BACK_LUA = """
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'owner') == ARGV[i] then
    redis.call('HDEL', key, 'owner')
    if redis.call('HINCRBY', key, 'attempts', -1) <= 0 then redis.call('DEL', key) end
  end
end
"""

# KEYS: images; ARGV: lease in ms, then the owner of each.
_RENEW_LUA = (
    NOW_LUA
    + """
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'owner') == ARGV[i + 1] then
    redis.call('HSET', key, 'until', now + ARGV[1])
  end
end
"""
)


class RedisClaims:
    """The claims of one process, in a Redis that all workers share.

    Args:
        redis: A client that decodes responses.
        lease_s: Seconds after which a claim that was not renewed runs out.
        attempts_max: Attempts that may end in a death before an image is quarantined.
    """

    def __init__(self, redis: Redis, lease_s: float, attempts_max: int) -> None:
        self._redis = redis
        self._lease_ms = int(lease_s * 1000)
        self._attempts_max = attempts_max
        self._take = redis.register_script(_TAKE_LUA)
        self._settle = redis.register_script(_SETTLE_LUA)
        self._give_back = redis.register_script(_GIVE_BACK_LUA)
        self._renew = redis.register_script(_RENEW_LUA)
        # Keys that this process has claimed, each with its owner.
        self._held: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @broker_call
    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Ask for images."""
        keys = _keys(tenant, ids)
        args: list[str | int] = [
            owner,
            self._lease_ms,
            self._attempts_max,
            int(alone),
            _KEPT_S,
        ]
        found = cast("list[int]", self._take(keys=keys, args=args)) if keys else []
        verdicts = [_VERDICTS[number] for number in found]
        with self._lock:
            self._held |= {
                (key, owner)
                for key, verdict in zip(keys, verdicts, strict=True)
                if verdict is Verdict.GRANTED
            }
        return verdicts

    @broker_call
    def settle(self, owner: str, tenant: str, ids: Sequence[str]) -> None:
        """Let go of images that have an outcome."""
        keys = _keys(tenant, ids)
        if keys:
            self._settle(keys=keys, args=[owner])
        self._drop(owner, keys)

    @broker_call
    def give_back(self, owner: str, tenant: str, ids: Sequence[str]) -> None:
        """Let go of images that have none."""
        keys = _keys(tenant, ids)
        if keys:
            self._give_back(keys=keys, args=[owner] * len(keys))
        self._drop(owner, keys)

    @broker_call
    def give_back_all(self) -> None:
        """Let go of all that this process claimed."""
        for keys, owners in self._pages():
            self._give_back(keys=keys, args=owners)

    @broker_call
    def renew(self) -> None:
        """Prolong the claims of this process."""
        for keys, owners in self._pages():
            self._renew(keys=keys, args=[self._lease_ms, *owners])

    @broker_call
    def attempts(self, tenant: str, image_id: str) -> int:
        """Return how many attempts at an image were begun and not settled."""
        (key,) = _keys(tenant, [image_id])
        return int(cast("str | None", self._redis.hget(key, "attempts")) or 0)

    @broker_call
    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Forget attempts and quarantine."""
        if ids:
            self._redis.delete(*_keys(tenant, ids))

    def _pages(self) -> list[tuple[list[str], list[str]]]:
        with self._lock:
            held = list(self._held)
        return [
            ([key for key, _ in page], [owner for _, owner in page])
            for page in (
                held[start : start + _KEYS_PER_CALL]
                for start in range(0, len(held), _KEYS_PER_CALL)
            )
        ]

    def _drop(self, owner: str, keys: Sequence[str]) -> None:
        with self._lock:
            self._held.difference_update((key, owner) for key in keys)


def _keys(tenant: str, ids: Sequence[str]) -> list[str]:
    return [f"glimpse:claim:{tenant}/{image_id}" for image_id in ids]
