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
from common.redis_scripts import RedisScript

log = logging.getLogger(__name__)

# Seconds that the attempts of an image are kept after the last of them, unless it was settled
# or quarantined, and what was left of one that was taken over: as long as a job's record by
# default.
_KEPT_S = 7 * 86_400
# Keys that one script looks at, at most, so that Redis is not held up.
_KEYS_PER_CALL = 1000


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
        self._take = RedisScript(redis, "common/claims/lua/take.lua")
        self._confirm = RedisScript(redis, "common/claims/lua/confirm.lua")
        self._settle = RedisScript(redis, "common/claims/lua/settle.lua")
        self._give_back = RedisScript(redis, "common/claims/lua/give_back.lua")
        self._deaths = RedisScript(redis, "common/claims/lua/deaths.lua")
        self._forget = RedisScript(redis, "common/claims/lua/forget.lua")
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
        with self._telling:
            verdicts = self._ask(owner, keys, alone=alone) if keys else []
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

    def _ask(self, owner: str, keys: Sequence[str], *, alone: bool) -> list[Verdict]:
        found = self._take(
            claim_keys=keys,
            owner=owner,
            lease_ms=self._lease_ms,
            attempts_max=self._attempts_max,
            alone=int(alone),
            kept_s=_KEPT_S,
        )
        return [Verdict[name] for name in cast("list[str]", found)]

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
        return cast("int", self._deaths(claim_key=_key(tenant, image_id)))

    @broker_call
    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Forget attempts and quarantine."""
        if ids:
            self._forget(claim_keys=[_key(tenant, image_id) for image_id in ids], kept_s=_KEPT_S)

    def _confirm_page(self, page: Sequence[_Held]) -> list[bool]:
        found = self._confirm(
            claim_keys=[held.key for held in page],
            lease_ms=self._lease_ms,
            owners=[held.owner for held in page],
        )
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
                self._settle(
                    claim_keys=[held.key for held, _ in page],
                    kept_s=_KEPT_S,
                    owners=[held.owner for held, _ in page],
                    job_ids=[job_id for _, job_id in page],
                )
                self._heard([held for held, _ in page])
            for given_back in pages(
                [held for held, left in unheard.items() if left is None], _KEYS_PER_CALL
            ):
                self._give_back(
                    claim_keys=[held.key for held in given_back],
                    kept_s=_KEPT_S,
                    owners=[held.owner for held in given_back],
                )
                self._heard(given_back)

    def _heard(self, page: Sequence[_Held]) -> None:
        with self._lock:
            for held in page:
                self._unheard.pop(held, None)


def _key(tenant: str, image_id: str) -> str:
    return f"glimpse:claim:{tenant}/{image_id}"
