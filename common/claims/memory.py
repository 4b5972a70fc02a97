"""Claims in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from common.claims.base import NO_RECORDS, Claim, Left, Verdict


@dataclass(slots=True)
class _Claim:
    owner: str | None = None
    # When it expires (time.monotonic).
    until: float = 0.0
    attempts: int = 0
    # Whether it was granted although an earlier owner may still be alive.
    overtaken: bool = False
    left: Left | None = None

    def is_held(self) -> bool:
        """Return whether a live owner holds it."""
        return self.owner is not None and self.until > time.monotonic()

    def leave(self, left: Left) -> None:
        """Note what its owner has left in the store, if it may be needed."""
        if self.overtaken and (left.record or self.left is None or self.left.job_id != left.job_id):
            self.left = left


@dataclass(slots=True)
class ClaimTable:
    """Claims that several workers share, as they would share a Redis."""

    claims: dict[tuple[str, str], _Claim] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryClaims:
    """Stores the claims of one worker for the lifetime of the object.

    Args:
        lease_s: Seconds after which a claim expires unless it is renewed.
        attempts_max: Number of deaths with an image before it is quarantined.
        table: The claims, shared with other workers.
    """

    def __init__(
        self, lease_s: float = 60.0, attempts_max: int = 3, table: ClaimTable | None = None
    ) -> None:
        self._lease_s = lease_s
        self._attempts_max = attempts_max
        self.table = table or ClaimTable()
        self._owners: set[str] = set()

    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Claim images."""
        with self.table.lock:
            self._owners.add(owner)
            return [self._take(owner, (tenant, image_id), alone) for image_id in ids]

    def confirm(self, claims: Sequence[Claim], left: Sequence[Left] = ()) -> list[bool]:
        """Renew claims; return which of them are still held."""
        written: Sequence[Left | None] = left or [None] * len(claims)
        with self.table.lock:
            return [
                self._confirm(claim.owner, (claim.tenant, claim.id), each)
                for claim, each in zip(claims, written, strict=True)
            ]

    def settle(
        self,
        owner: str,
        tenant: str,
        left: Mapping[str, str | None],
        records: Mapping[str, str] = NO_RECORDS,
    ) -> None:
        """Release the claims on images that have an outcome."""
        with self.table.lock:
            for image_id, job_id in left.items():
                claim = self.table.claims.get((tenant, image_id))
                if claim is not None and claim.owner == owner:
                    if job_id is not None:
                        claim.leave(Left(job_id, records.get(image_id, "")))
                    self._release((tenant, image_id), claim)

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        """Release the claims on images without an outcome."""
        with self.table.lock:
            for image_id in ids:
                self._give_back(owner, (tenant, image_id), died=image_id in deadly)

    def left(self, tenant: str, ids: Sequence[str]) -> dict[str, Left]:
        """Return what the last owners of images left in the store."""
        with self.table.lock:
            claims = {image_id: self.table.claims.get((tenant, image_id)) for image_id in ids}
            return {
                image_id: claim.left
                for image_id, claim in claims.items()
                if claim is not None and claim.left is not None
            }

    def give_back_all(self) -> None:
        """Give back all claims of this process."""
        with self.table.lock:
            for key, claim in list(self.table.claims.items()):
                if claim.owner in self._owners:
                    self._give_back(claim.owner, key)

    def renew(self) -> None:
        """Renew the claims of this process."""
        with self.table.lock:
            for claim in self.table.claims.values():
                if claim.owner in self._owners:
                    claim.until = time.monotonic() + self._lease_s

    def holder(self, tenant: str, image_id: str) -> str | None:
        """Return the owner that holds an image, or held it when its worker died."""
        with self.table.lock:
            claim = self.table.claims.get((tenant, image_id))
            return claim.owner if claim else None

    def attempts(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that were started and not settled."""
        with self.table.lock:
            claim = self.table.claims.get((tenant, image_id))
            return claim.attempts if claim else 0

    def deaths(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that ended in a death."""
        with self.table.lock:
            claim = self.table.claims.get((tenant, image_id))
            return claim.attempts - claim.is_held() if claim else 0

    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Reset the attempts and the quarantine of images."""
        with self.table.lock:
            for image_id in ids:
                claim = self.table.claims.get((tenant, image_id))
                if claim is None or claim.is_held():
                    continue
                claim.overtaken = claim.overtaken or claim.attempts > 0
                self._release((tenant, image_id), claim)

    def _confirm(self, owner: str, key: tuple[str, str], left: Left | None) -> bool:
        claim = self.table.claims.get(key)
        if claim is None or claim.owner != owner:
            return False
        claim.until = time.monotonic() + self._lease_s
        if left is not None:
            claim.leave(left)
        return True

    def _take(self, owner: str, key: tuple[str, str], alone: bool) -> Verdict:
        claim = self.table.claims.setdefault(key, _Claim())
        now = time.monotonic()
        if claim.owner == owner:
            claim.until = now + self._lease_s
            return Verdict.GRANTED
        if claim.owner is not None and claim.until > now:
            return Verdict.BUSY
        if claim.attempts >= self._attempts_max:
            claim.owner = None
            return Verdict.QUARANTINED
        if claim.attempts and not alone:
            return Verdict.SUSPECT
        claim.owner, claim.until = owner, now + self._lease_s
        claim.overtaken = claim.overtaken or claim.attempts > 0
        claim.attempts += 1
        return Verdict.GRANTED

    def _give_back(self, owner: str | None, key: tuple[str, str], *, died: bool = False) -> None:
        claim = self.table.claims.get(key)
        if claim is None or claim.owner != owner:
            return
        claim.owner = None
        claim.attempts -= not died
        if claim.attempts <= 0:
            self._release(key, claim)

    def _release(self, key: tuple[str, str], claim: _Claim) -> None:
        """Remove a claim, except what is needed to correct late writes."""
        claim.owner, claim.attempts = None, 0
        if not claim.overtaken:
            del self.table.claims[key]
