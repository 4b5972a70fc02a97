"""The fence: blocks writes under lost claims, and corrects those that slip through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.claims.base import Claim, Claims
from common.errors import BrokerUnavailable
from worker.late_writes.amends import Amends, Late
from worker.stores.base import Row


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row, the owner of its image's claim, and the row that an edit replaces."""

    owner: str
    row: Row
    replaced: Row | None = None

    @property
    def claim(self) -> Claim:
        """The claim on its image."""
        return Claim(self.owner, self.row.tenant, self.row.record.id)


class Fence:
    """Writes rows to the store only while their images' claims hold.

    A process may freeze at any moment for longer than a lease. Other workers then take over
    its images, and it resumes unaware of that. Milvus has no conditional writes, so claims
    are checked right before and right after each write: rows whose claims were lost before
    are not written, and rows whose claims were lost during the write are corrected.

    Args:
        claims: The claims on images.
        amends: Corrects rows written after their claims were lost.
    """

    def __init__(self, claims: Claims, amends: Amends) -> None:
        self._claims = claims
        self._amends = amends

    def holds(self, owner: str, tenant: str, image_id: str) -> bool:
        """Renew a claim and return whether it still holds; raises ``BrokerUnavailable``."""
        return self._claims.confirm([Claim(owner, tenant, image_id)]) == [True]

    def write(
        self, claimed: Sequence[Claimed], write: Callable[[Sequence[Row]], object]
    ) -> list[bool]:
        """Write the rows whose claims hold; return, for each, whether its claim held throughout.

        Args:
            claimed: Rows to write or to delete.
            write: Writes or deletes them; its errors propagate.

        Raises:
            BrokerUnavailable: The claims could not be checked; nothing was written.
        """
        before = self._claims.confirm([each.claim for each in claimed])
        mine = [each for each, holds in zip(claimed, before, strict=True) if holds]
        after: list[bool] = []
        try:
            if mine:
                write([each.row for each in mine])
        finally:
            after = self._still_hold(mine)
            rest = iter(after)
            held = [holds and next(rest) for holds in before]
            self._amends.add(
                [
                    Late(each.row, each.replaced)
                    for each, holds in zip(claimed, held, strict=True)
                    if not holds
                ]
            )
        return held

    def _still_hold(self, claimed: Sequence[Claimed]) -> list[bool]:
        """Return which claims still hold; if Redis is unavailable, assume that none do."""
        try:
            return self._claims.confirm([each.claim for each in claimed])
        except BrokerUnavailable:
            return [False] * len(claimed)
