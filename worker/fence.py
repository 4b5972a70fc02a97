"""The fence: whoever has lost a claim writes nothing more; what slips through is put right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.claims.base import Claim, Claims
from common.errors import BrokerUnavailable
from worker.amends import Amends
from worker.stores.base import Row


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row, and who has claimed its image."""

    owner: str
    row: Row

    @property
    def claim(self) -> Claim:
        """The claim on its image."""
        return Claim(self.owner, self.row.tenant, self.row.record.id)


class Fence:
    """Lets writes to the store through while the claims behind them hold.

    A process may stand still at any moment, for longer than a lease: others take its
    images over, and it goes on as if nothing had happened. Milvus cannot refuse such a
    write, so claims are asked for right before it and right after: what was lost before
    is not written, and what was lost meanwhile is put right.

    Args:
        claims: Who has which image in hand.
        amends: Puts right what was written after its claim was lost.
    """

    def __init__(self, claims: Claims, amends: Amends) -> None:
        self._claims = claims
        self._amends = amends

    def holds(self, owner: str, tenant: str, image_id: str) -> bool:
        """Tell whether a claim holds, and prolong it; raises ``BrokerUnavailable``."""
        return self._claims.confirm([Claim(owner, tenant, image_id)]) == [True]

    def write(
        self, claimed: Sequence[Claimed], write: Callable[[Sequence[Row]], object]
    ) -> list[bool]:
        """Write those rows whose claims hold; return, for each, whether its claim held all along.

        Args:
            claimed: Rows that are written, or deleted.
            write: Does it; what it raises is raised.

        Raises:
            BrokerUnavailable: Nobody could be asked; nothing was written.
        """
        before = self._claims.confirm([each.claim for each in claimed])
        mine = [each for each, holds in zip(claimed, before, strict=True) if holds]
        after: list[bool] = []
        try:
            if mine:
                write([each.row for each in mine])
        finally:
            after = self._hold_still(mine)
            rest = iter(after)
            held = [holds and next(rest) for holds in before]
            self._amends.add(
                [each.row for each, holds in zip(claimed, held, strict=True) if not holds]
            )
        return held

    def _hold_still(self, claimed: Sequence[Claimed]) -> list[bool]:
        """Tell which claims hold; where nobody can be asked, none is relied on."""
        try:
            return self._claims.confirm([each.claim for each in claimed])
        except BrokerUnavailable:
            return [False] * len(claimed)
