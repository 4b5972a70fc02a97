"""Claims in Redis: a small hash per image that is being processed or was when a worker died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple, TypeAlias, cast

from redis import Redis
from redis.exceptions import RedisError

from common.claims.base import NO_RECORDS, Claim, Left, Verdict
from common.errors import BrokerUnavailable
from common.pages import pages
from common.redis.client import broker_call
from common.redis.scripts import RedisScript

log = logging.getLogger(__name__)

# Seconds that the attempts at an image are kept after the last one, unless it was settled or
# quarantined, and that the claim of an overtaken image is kept: the default lifetime of a job's
# record.
_KEPT_S = 7 * 86_400
# Maximum number of keys per script call, so that no call blocks Redis for long.
_KEYS_PER_CALL = 1000
# What an owner has left in the store: the fields of a ``Left``, or none if that is not to be noted.
_Written: TypeAlias = tuple[str, ...]
_NOTHING: _Written = ()


class _Back(Enum):
    """How an owner gives an image back."""

    UNHARMED = auto()
    # A decoder process died of it.
    DIED = auto()


class _Held(NamedTuple):
    """The key of a claim that this process holds, and its owner."""

    key: str
    owner: str


class RedisClaims:
    """Stores the claims of one process in a Redis that all workers share.

    Args:
        redis: A client that decodes responses.
        lease_s: Seconds after which a claim expires unless it is renewed.
        attempts_max: Number of deaths with an image before it is quarantined.
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
        # Releases that are not sent yet: what the owner left in the store, or how it gave the
        # image back.
        self._unsent: dict[_Held, _Written | _Back] = {}
        self._lock = threading.Lock()
        # Held while releases are sent, so that none follows a new claim of the same owner.
        self._sending = threading.Lock()

    @broker_call
    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Claim images."""
        keys = [_key(tenant, image_id) for image_id in ids]
        with self._sending:
            try:
                verdicts = self._take_keys(owner, keys, alone=alone) if keys else []
            except RedisError:
                # Redis may have granted them, and only its reply was lost.
                self._give_back_later([_Held(key, owner) for key in keys])
                raise
            granted = {
                _Held(key, owner)
                for key, verdict in zip(keys, verdicts, strict=True)
                if verdict is Verdict.GRANTED
            }
            with self._lock:
                self._held |= granted
                for held in granted:
                    self._unsent.pop(held, None)
        return verdicts

    def _take_keys(self, owner: str, keys: Sequence[str], *, alone: bool) -> list[Verdict]:
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
    def confirm(self, claims: Sequence[Claim], left: Sequence[Left] = ()) -> list[bool]:
        """Renew claims; return which of them are still held."""
        held = [_Held(_key(claim.tenant, claim.id), claim.owner) for claim in claims]
        written: Sequence[_Written] = left or [_NOTHING] * len(held)
        pairs = list(zip(held, written, strict=True))
        return [
            holds for page in pages(pairs, _KEYS_PER_CALL) for holds in self._confirm_page(page)
        ]

    def settle(
        self,
        owner: str,
        tenant: str,
        left: Mapping[str, str | None],
        records: Mapping[str, str] = NO_RECORDS,
    ) -> None:
        """Release the claims on images that have an outcome."""
        self._release(
            {
                _Held(_key(tenant, image_id), owner): (
                    _NOTHING if job_id is None else Left(job_id, records.get(image_id, ""))
                )
                for image_id, job_id in left.items()
            }
        )

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        """Release the claims on images without an outcome."""
        self._release(
            {
                _Held(_key(tenant, image_id), owner): (
                    _Back.DIED if image_id in deadly else _Back.UNHARMED
                )
                for image_id in ids
            }
        )

    @broker_call
    def left(self, tenant: str, ids: Sequence[str]) -> dict[str, Left]:
        """Return what the last owners of images left in the store."""
        if not ids:
            return {}
        with self._redis.pipeline(transaction=False) as pipeline:
            for image_id in ids:
                pipeline.hmget(_key(tenant, image_id), "left", "record")
            found = cast("list[tuple[str | None, str | None]]", pipeline.execute())
        return {
            image_id: Left(job_id, record or "")
            for image_id, (job_id, record) in zip(ids, found, strict=True)
            if job_id is not None
        }

    @broker_call
    def give_back_all(self) -> None:
        """Give back all claims of this process."""
        with self._lock:
            self._unsent |= dict.fromkeys(self._held, _Back.UNHARMED)
            self._held.clear()
        self._send_releases()

    @broker_call
    def renew(self) -> None:
        """Renew the claims of this process, and send releases that failed earlier."""
        self._send_releases()
        with self._lock:
            held = [(held, _NOTHING) for held in self._held]
        for page in pages(held, _KEYS_PER_CALL):
            self._confirm_page(page)

    @broker_call
    def holder(self, tenant: str, image_id: str) -> str | None:
        """Return the owner that holds an image, or held it when its worker died."""
        return cast("str | None", self._redis.hget(_key(tenant, image_id), "owner"))

    @broker_call
    def attempts(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that were started and not settled."""
        attempts = self._redis.hget(_key(tenant, image_id), "attempts")
        return int(cast("str | None", attempts) or 0)

    @broker_call
    def deaths(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that ended in a death."""
        return cast("int", self._deaths(claim_key=_key(tenant, image_id)))

    @broker_call
    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Reset the attempts and the quarantine of images."""
        if ids:
            self._forget(claim_keys=[_key(tenant, image_id) for image_id in ids], kept_s=_KEPT_S)

    def _give_back_later(self, perhaps_held: Sequence[_Held]) -> None:
        """Give claims back with a later renewal, except those that this process knows it holds."""
        with self._lock:
            for held in perhaps_held:
                if held not in self._held:
                    self._unsent.setdefault(held, _Back.UNHARMED)

    def _confirm_page(self, page: Sequence[tuple[_Held, _Written]]) -> list[bool]:
        found = self._confirm(
            claim_keys=[held.key for held, _ in page],
            lease_ms=self._lease_ms,
            owners=[held.owner for held, _ in page],
            left=[list(left) for _, left in page],
        )
        return [bool(holds) for holds in cast("list[int]", found)]

    def _release(self, left: Mapping[_Held, _Written | _Back]) -> None:
        """Stop renewing claims, and release them now or with a later renewal."""
        with self._lock:
            self._held -= left.keys()
            self._unsent |= left
        try:
            broker_call(self._send_releases)()
        except BrokerUnavailable as error:
            log.warning("claims.not_let_go %s", error)

    def _send_releases(self) -> None:
        """Send pending releases; releases that fail stay pending."""
        with self._sending:
            with self._lock:
                unsent = dict(self._unsent)
            settled = [(held, left) for held, left in unsent.items() if isinstance(left, tuple)]
            for page in pages(settled, _KEYS_PER_CALL):
                self._settle(
                    claim_keys=[held.key for held, _ in page],
                    kept_s=_KEPT_S,
                    owners=[held.owner for held, _ in page],
                    left=[list(left) for _, left in page],
                )
                self._mark_sent([held for held, _ in page])
            given_back = [(held, back) for held, back in unsent.items() if isinstance(back, _Back)]
            for backs in pages(given_back, _KEYS_PER_CALL):
                self._give_back(
                    claim_keys=[held.key for held, _ in backs],
                    kept_s=_KEPT_S,
                    owners=[held.owner for held, _ in backs],
                    died=[int(back is _Back.DIED) for _, back in backs],
                )
                self._mark_sent([held for held, _ in backs])

    def _mark_sent(self, page: Sequence[_Held]) -> None:
        with self._lock:
            for held in page:
                self._unsent.pop(held, None)


def _key(tenant: str, image_id: str) -> str:
    return f"glimpse:claim:{tenant}/{image_id}"
