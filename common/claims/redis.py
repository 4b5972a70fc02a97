"""Claims in Redis: a small hash for each image that is in hand, or was when a worker died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from redis import Redis

from common.claims.base import Claim, Verdict
from common.errors import BrokerUnavailable
from common.pages import pages
from common.redis_client import broker_call
from common.redis_time import NOW_LUA

log = logging.getLogger(__name__)

# Seconds that the attempts of an image are kept after the last of them, unless it was settled
# or quarantined, and what was left of one that was taken over: as long as a job's record by
# default.
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
    if attempts > 0 then redis.call('HSET', key, 'overtaken', 1) end
    redis.call('EXPIRE', key, ARGV[5])
    verdicts[i] = 0
  end
end
return verdicts
"""
)
_VERDICTS = (Verdict.GRANTED, Verdict.BUSY, Verdict.SUSPECT, Verdict.QUARANTINED)

# Removes a claim, keeping what a late writer needs to know.
_RELEASE_LUA = """
local function release(key, kept_s, left)
  if redis.call('HEXISTS', key, 'overtaken') == 0 then return redis.call('DEL', key) end
  redis.call('HDEL', key, 'owner', 'until', 'attempts')
  if left then redis.call('HSET', key, 'left', left) end
  redis.call('EXPIRE', key, kept_s)
end
"""

# KEYS: images; ARGV: seconds to keep, then for each image its owner and what it leaves.
_SETTLE_LUA = (
    _RELEASE_LUA
    + """
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'owner') == ARGV[2 * i] then
    release(key, ARGV[1], ARGV[2 * i + 1])
  end
end
"""
)

# KEYS: images; ARGV: seconds to keep, then the owner of each.
_GIVE_BACK_LUA = (
    _RELEASE_LUA
    + """
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'owner') == ARGV[i + 1] then
    redis.call('HDEL', key, 'owner')
    if redis.call('HINCRBY', key, 'attempts', -1) <= 0 then release(key, ARGV[1]) end
  end
end
"""
)

# Renews claims and returns which still hold. KEYS: images; ARGV: lease in ms, then each owner.
_CONFIRM_LUA = (
    NOW_LUA
    + """
local holds = {}
for i, key in ipairs(KEYS) do
  holds[i] = 0
  if redis.call('HGET', key, 'owner') == ARGV[i + 1] then
    redis.call('HSET', key, 'until', now + ARGV[1])
    holds[i] = 1
  end
end
return holds
"""
)

# KEYS: one image.
_DEATHS_LUA = (
    NOW_LUA
    + """
local owner, ends, attempts = unpack(redis.call('HMGET', KEYS[1], 'owner', 'until', 'attempts'))
local held = owner and tonumber(ends) > now
return tonumber(attempts or 0) - (held and 1 or 0)
"""
)

# Forgets attempts, unless a living owner holds the image. KEYS: images; ARGV: seconds to keep.
_FORGET_LUA = (
    NOW_LUA
    + _RELEASE_LUA
    + """
for _, key in ipairs(KEYS) do
  local owner, ends, attempts = unpack(redis.call('HMGET', key, 'owner', 'until', 'attempts'))
  if not owner or tonumber(ends) <= now then
    if tonumber(attempts or 0) > 0 then redis.call('HSET', key, 'overtaken', 1) end
    release(key, ARGV[1])
  end
end
"""
)


class _Held(NamedTuple):
    """The key of an image that this process holds, and the owner within it."""

    key: str
    owner: str


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
        self._confirm = redis.register_script(_CONFIRM_LUA)
        self._settle = redis.register_script(_SETTLE_LUA)
        self._give_back = redis.register_script(_GIVE_BACK_LUA)
        self._deaths = redis.register_script(_DEATHS_LUA)
        self._forget = redis.register_script(_FORGET_LUA)
        self._held: set[_Held] = set()
        # Releases that Redis has missed: what the owner leaves in the store, or None if it gave
        # the image back.
        self._unheard: dict[_Held, str | None] = {}
        self._lock = threading.Lock()
        # Held while releases are sent, so that none follows a new claim of the same owner.
        self._telling = threading.Lock()

    @broker_call
    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Ask for images."""
        keys = [_key(tenant, image_id) for image_id in ids]
        args: list[str | int] = [owner, self._lease_ms, self._attempts_max, int(alone), _KEPT_S]
        with self._telling:
            found = cast("list[int]", self._take(keys=keys, args=args)) if keys else []
            verdicts = [_VERDICTS[number] for number in found]
            granted = {
                _Held(key, owner)
                for key, verdict in zip(keys, verdicts, strict=True)
                if verdict is Verdict.GRANTED
            }
            with self._lock:
                self._held |= granted
                for held in granted:
                    self._unheard.pop(held, None)
        return verdicts

    @broker_call
    def confirm(self, claims: Sequence[Claim]) -> list[bool]:
        """Renew claims; return which of them still hold."""
        held = [_Held(_key(claim.tenant, claim.id), claim.owner) for claim in claims]
        return [holds for page in pages(held, _KEYS_PER_CALL) for holds in self._confirm_page(page)]

    def settle(self, owner: str, tenant: str, left: Mapping[str, str]) -> None:
        """Let go of images that have an outcome."""
        self._let_go({_Held(_key(tenant, image), owner): job for image, job in left.items()})

    def give_back(self, owner: str, tenant: str, ids: Sequence[str]) -> None:
        """Let go of images that have none."""
        self._let_go({_Held(_key(tenant, image_id), owner): None for image_id in ids})

    @broker_call
    def left(self, tenant: str, image_id: str) -> str | None:
        """Return what the last owner to settle an image left in the store."""
        return cast("str | None", self._redis.hget(_key(tenant, image_id), "left"))

    @broker_call
    def give_back_all(self) -> None:
        """Let go of all that this process claimed."""
        with self._lock:
            self._unheard |= dict.fromkeys(self._held)
            self._held.clear()
        self._tell()

    @broker_call
    def renew(self) -> None:
        """Renew the claims of this process, and send the releases that Redis has missed."""
        self._tell()
        with self._lock:
            held = list(self._held)
        for page in pages(held, _KEYS_PER_CALL):
            self._confirm_page(page)

    @broker_call
    def attempts(self, tenant: str, image_id: str) -> int:
        """Return how many attempts at an image were begun and not settled."""
        attempts = self._redis.hget(_key(tenant, image_id), "attempts")
        return int(cast("str | None", attempts) or 0)

    @broker_call
    def deaths(self, tenant: str, image_id: str) -> int:
        """Return how many attempts at an image ended with the death of a worker."""
        return int(cast("int", self._deaths(keys=[_key(tenant, image_id)])))

    @broker_call
    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Forget attempts and quarantine."""
        if ids:
            self._forget(keys=[_key(tenant, image_id) for image_id in ids], args=[_KEPT_S])

    def _confirm_page(self, page: Sequence[_Held]) -> list[bool]:
        args: list[str | int] = [self._lease_ms, *(held.owner for held in page)]
        found = self._confirm(keys=[held.key for held in page], args=args)
        return [bool(holds) for holds in cast("list[int]", found)]

    def _let_go(self, left: Mapping[_Held, str | None]) -> None:
        """Stop renewing claims, and send their release now or with a later renewal."""
        with self._lock:
            self._held -= left.keys()
            self._unheard |= left
        try:
            broker_call(self._tell)()
        except BrokerUnavailable as error:
            log.warning("claims.not_let_go %s", error)

    def _tell(self) -> None:
        """Send pending releases; those that fail are kept for the next attempt."""
        with self._telling:
            with self._lock:
                unheard = dict(self._unheard)
            settled = [(held, left) for held, left in unheard.items() if left is not None]
            for page in pages(settled, _KEYS_PER_CALL):
                told = [text for held, left in page for text in (held.owner, left or "")]
                self._settle(keys=[held.key for held, _ in page], args=[_KEPT_S, *told])
                self._heard([held for held, _ in page])
            for given_back in pages(
                [held for held, left in unheard.items() if left is None], _KEYS_PER_CALL
            ):
                owners = [held.owner for held in given_back]
                self._give_back(keys=[held.key for held in given_back], args=[_KEPT_S, *owners])
                self._heard(given_back)

    def _heard(self, page: Sequence[_Held]) -> None:
        with self._lock:
            for held in page:
                self._unheard.pop(held, None)


def _key(tenant: str, image_id: str) -> str:
    return f"glimpse:claim:{tenant}/{image_id}"
