"""The fence: blocks writes under lost claims, and corrects those that slip through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from common.claims.base import Claim, Claims, Left
from common.errors import BrokerUnavailable
from worker.late_writes.amends import Amends
from worker.late_writes.late import Late
from worker.stores.base import Row

# Writes or deletes rows.
_Change: TypeAlias = Callable[[Sequence[Row]], object]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row whose image is claimed.

    Attributes:
        owner: The owner of the claim.
        row: The row to write, or to delete.
        replaced: The row that an edit replaces.
    """

    owner: str
    row: Row
    replaced: Row | None = None

    @property
    def claim(self) -> Claim:
        """The claim on its image."""
        return Claim(self.owner, self.row.tenant, self.row.record.id)

    @property
    def written(self) -> Left:
        """What is in the store after it was written."""
        edited = self.replaced is not None
        return Left(self.row.job_id, self.row.record.model_dump_json() if edited else "")


class Fence:
    """Changes rows in the store only while their images' claims hold.

    A process may freeze at any moment for longer than a lease. Other workers then take over
    its images, and it resumes unaware of that. Milvus has no conditional writes, so claims
    are checked right before and right after each write: rows whose claims were lost before
    are not written, and rows whose claims were lost during the write are corrected. The second
    check also notes what was written, which tells such rows from others.

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

    def write(self, claimed: Sequence[Claimed], write: _Change) -> list[bool]:
        """Write the rows whose claims hold; return, for each, whether its claim held throughout.

        Args:
            claimed: The rows.
            write: Writes rows; its errors propagate.

        Raises:
            BrokerUnavailable: The claims could not be checked; nothing was written.
        """
        return self._change(claimed, write, [each.written for each in claimed])

    def delete(self, claimed: Sequence[Claimed], delete: _Change) -> list[bool]:
        """Delete the rows whose claims hold, as ``write`` writes them."""
        return self._change(claimed, delete, [Left("")] * len(claimed))

    def _change(
        self, claimed: Sequence[Claimed], change: _Change, left: Sequence[Left]
    ) -> list[bool]:
        before = self._claims.confirm([each.claim for each in claimed])
        mine = [each for each, holds in zip(claimed, before, strict=True) if holds]
        # What a change that fails leaves is not known.
        known: list[Left] = []
        try:
            if mine:
                change([each.row for each in mine])
                known = [each for each, holds in zip(left, before, strict=True) if holds]
        finally:
            after = iter(self._still_hold(mine, known))
            held = [holds and next(after) for holds in before]
            late = [each for each, holds in zip(claimed, held, strict=True) if not holds]
            self._amends.add([Late(each.row, each.replaced) for each in late])
        return held

    def _still_hold(self, claimed: Sequence[Claimed], left: Sequence[Left]) -> list[bool]:
        """Return which claims still hold; if Redis is unavailable, assume that none do."""
        try:
            return self._claims.confirm([each.claim for each in claimed], left)
        except BrokerUnavailable:
            return [False] * len(claimed)
