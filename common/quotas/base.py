"""A tenant's quota, and the interface of the quotas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

# Detail of ``QuotaExceeded``.
QUOTA_EXCEEDED = (
    "You have as many images as your quota allows; delete some, or ask the operator for more."
)


@dataclass(frozen=True, slots=True)
class Quota:
    """A tenant's quota, and what it has used of it."""

    tenant: str
    images_max: int
    # Number of rows counted so far; None before the first count.
    counted: int | None = None
    # Number of images that a worker was granted and has not settled.
    granted: int = 0

    @property
    def used(self) -> int:
        """Number of images that count against the quota."""
        return (self.counted or 0) + self.granted

    @property
    def is_full(self) -> bool:
        """Whether no image is left of it."""
        return self.used >= self.images_max


class Quotas(Protocol):
    """Stores quotas and their use; every method raises ``BrokerUnavailable``.

    An image that is to be embedded is granted first, and settled with its outcome. An id is
    granted once however often it is asked for, so redelivered chunks do not count twice. A
    tenant without a quota is granted everything, and nothing is counted for it.
    """

    def put(self, tenant: str, images_max: int | None) -> None:
        """Set a tenant's quota, or remove it."""
        ...

    def find(self, tenant: str) -> Quota | None:
        """Return a tenant's quota; None if it has none."""
        ...

    def all(self) -> list[Quota]:
        """Return all quotas, by the tenants' names."""
        ...

    def some(self, count: int) -> list[str]:
        """Return up to ``count`` tenants that have a quota, chosen at random."""
        ...

    def grant(self, tenant: str, ids: Sequence[str]) -> set[str]:
        """Grant images to a tenant, in their order, until its quota is full; return the granted."""
        ...

    def settle(
        self,
        tenant: str,
        *,
        indexed: Collection[str] = (),
        ended: Collection[str] = (),
        deleted: Collection[str] = (),
    ) -> None:
        """Count images.

        Args:
            tenant: The owner of the images.
            indexed: Images that have a row now; counted if they were granted.
            ended: Images that ended without a row; their grants are given back.
            deleted: Images whose row was deleted.
        """
        ...

    def granted(self, tenant: str, older_s: float) -> tuple[list[str], list[str]]:
        """Return the ids granted and not settled: all, and those older than ``older_s`` seconds."""
        ...

    def correct(
        self, tenant: str, before: Quota, counted: int, settled: Collection[str] = ()
    ) -> bool:
        """Set the count of a tenant's rows and drop grants, unless its use has changed meanwhile.

        Args:
            tenant: The owner of the rows.
            before: The quota as it was before the rows were counted.
            counted: The number of rows, without those of granted images.
            settled: Grants to drop.
        """
        ...
