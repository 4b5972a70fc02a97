"""The interface of claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType
from typing import NamedTuple, Protocol


class Verdict(Enum):
    """The answer to a task that claims an image."""

    # The task holds the claim until it settles it, gives it back, or dies.
    GRANTED = auto()
    # Another task holds the claim; try again later.
    BUSY = auto()
    # A worker or a decoder process died while processing it; claim it alone.
    SUSPECT = auto()
    # The maximum number of them died while processing it.
    QUARANTINED = auto()


class Claim(NamedTuple):
    """A task's claim on an image."""

    owner: str
    tenant: str
    id: str


class Left(NamedTuple):
    """What the last owner of an image left in the store."""

    # The id of the job that wrote the row; empty if there is no row.
    job_id: str
    # The record of an edited row as JSON: the record of an edit's job does not have it.
    record: str = ""


NO_RECORDS: Mapping[str, str] = MappingProxyType({})


class Claims(Protocol):
    """The claims of all workers; every method raises ``BrokerUnavailable``.

    A claim is a lease: its worker renews it, and it expires when that worker dies. Claiming an
    image increments its number of attempts and settling it resets the number, so that the
    remainder counts the attempts that ended in the death of a worker or of a decoder process.

    A worker that was presumed dead may resume. If another owner has taken over its image, the
    claim is kept for a week and records what later owners left in the store, so that late writes
    can be corrected.
    """

    def take(
        self, owner: str, tenant: str, ids: Sequence[str], *, alone: bool = False
    ) -> list[Verdict]:
        """Claim images; return a verdict for each, in the same order.

        Images that the owner already holds are granted again and do not count as new attempts.

        Args:
            owner: The task; unique among the tasks of all workers, and the same when a task is
                retried.
            tenant: The owner of the images.
            ids: The ids of the images, without repetitions.
            alone: Whether this process is processing nothing else; then suspects are granted too.

        Raises:
            BrokerUnavailable: Redis did not answer. If it has granted the claims nevertheless,
                they are given back with a later renewal.
        """
        ...

    def confirm(self, claims: Sequence[Claim], left: Sequence[Left] = ()) -> list[bool]:
        """Renew claims; return for each whether its owner still holds it.

        Args:
            claims: The claims.
            left: What their owners have just left in the store, if they have changed it; noted
                for those that hold, so that it is known even if the owner dies before it settles.
        """
        ...

    def settle(
        self,
        owner: str,
        tenant: str,
        left: Mapping[str, str | None],
        records: Mapping[str, str] = NO_RECORDS,
    ) -> None:
        """Release the claims on images that have an outcome, and reset their attempts.

        Never raises: if Redis is unavailable, the release is sent with a later renewal.

        Args:
            owner: The task that holds them; claims that another owner has taken over are
                unaffected.
            tenant: The owner of the images.
            left: What is now in the store, by image id: the id of the job that wrote the row, or
                an empty string if there is no row; None if that is not known, and what was noted
                before stays.
            records: The records of edited rows as JSON, by image id. The record of a row that a
                later owner leaves as it is stays known.
        """
        ...

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        """Release the claims on images without an outcome, as if they had never been claimed.

        Never raises; see ``settle``.

        Args:
            owner: The task that holds them.
            tenant: The owner of the images.
            ids: The ids of the images.
            deadly: Images that killed the decoder process working on them; for those among
                ``ids``, that counts as the death of a worker.
        """
        ...

    def left(self, tenant: str, ids: Sequence[str]) -> dict[str, Left]:
        """Return what the last owners of images left in the store; see ``confirm`` and ``settle``.

        The result is by image id. It lacks images whose owners were never presumed dead, since
        nothing is recorded for them.
        """
        ...

    def give_back_all(self) -> None:
        """Give back all claims of this process, because it is shutting down."""
        ...

    def renew(self) -> None:
        """Renew the claims of this process, and send releases that failed earlier."""
        ...

    def holder(self, tenant: str, image_id: str) -> str | None:
        """Return the owner that holds an image, or held it when its worker died."""
        ...

    def attempts(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that were started and not settled."""
        ...

    def deaths(self, tenant: str, image_id: str) -> int:
        """Return the number of attempts at an image that ended in a death.

        An attempt in progress does not count.
        """
        ...

    def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Reset the attempts and the quarantine of images, so that they can be retried.

        Claims of live owners are unaffected.
        """
        ...
