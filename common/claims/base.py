"""What every place that keeps claims offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol


class Verdict(Enum):
    """What a task that asks for an image is told."""

    # It is yours; nobody else gets it until you settle or return it, or die.
    GRANTED = auto()
    # Another task has it in hand; ask again later.
    BUSY = auto()
    # It was in hand when a worker died; ask for it alone.
    SUSPECT = auto()
    # It was in hand when a worker died, as often as it may be.
    QUARANTINED = auto()


class Claim(NamedTuple):
    """One image in one hand."""

    owner: str
    tenant: str
    id: str


class Claims(Protocol):
    """The images in hand, of all workers; every method raises ``BrokerUnavailable``.

    A claim is a lease: it is renewed while its worker lives and runs out when
    that worker dies. The number of attempts of an image is raised when it is
    claimed, and forgotten when it is settled, so that what is left over is the
    number of its attempts that ended in the death of a worker.

    A worker that was presumed dead may come back. If another owner has taken its image
    over, the claim is kept for a week and records what later owners left in the store, so
    that late writes can be corrected.
    """

    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Ask for images; return a verdict for each, in their order.

        What the owner has already is granted again, and is no new attempt.

        Args:
            owner: Who asks; unique among the tasks of all workers, and the same
                when a task is tried again.
            tenant: Whose images they are.
            ids: Which images, none twice.
            alone: Whether nothing else is in hand in this process: then suspects
                are granted too.
        """
        ...

    def confirm(self, claims: Sequence[Claim]) -> list[bool]:
        """Renew claims; return, for each, whether its owner still holds it."""
        ...

    def settle(self, owner: str, tenant: str, left: Mapping[str, str]) -> None:
        """Let go of images that have an outcome, and forget their attempts.

        Never raises: if Redis is unavailable, the release is sent with a later renewal.

        Args:
            owner: Who holds them; claims that another owner has taken over stay as they are.
            tenant: Whose images they are.
            left: What is in the store now, by the images' ids: the job that brought
                the row, or nothing where there is no row.
        """
        ...

    def give_back(self, owner: str, tenant: str, ids: Sequence[str]) -> None:
        """Let go of images that have none, as if they had never been claimed.

        Never raises; see ``settle``.
        """
        ...

    def left(self, tenant: str, image_id: str) -> str | None:
        """Return what the last owner to settle an image left in the store; see ``settle``.

        None if that was not recorded, because no worker was presumed dead while holding it.
        """
        ...

    def give_back_all(self) -> None:
        """Let go of all that this process claimed: it ends in order."""
        ...

    def renew(self) -> None:
        """Renew the claims of this process, and send the releases that Redis has missed."""
        ...

    def attempts(self, tenant: str, image_id: str) -> int:
        """Return how many attempts at an image were begun and not settled."""
        ...

    def deaths(self, tenant: str, image_id: str) -> int:
        """Return how many attempts at an image ended with the death of a worker.

        An attempt in progress does not count.
        """
        ...

    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Forget attempts and quarantine: the images are to be tried anew.

        Claims of living owners stay as they are.
        """
        ...
