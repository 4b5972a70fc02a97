"""A dead letter, and the interface of the dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from common.contract import Message, MetadataValue
from common.cursors import write_cursor
from common.errors import DeadLetterBusy, NotFound
from common.ids import ImageId

# Code of an image that was being processed each time a worker died.
QUARANTINED = "quarantined"
# Codes of images that become dead letters: the service is at fault, or the image is too dangerous
# to retry automatically. An invalid picture does not, because its caller has to fix it.
DEAD_CODES = frozenset({QUARANTINED, "encoder_error", "store_error"})


class DeadLetter(Message):
    """A failed image, with everything needed to retry it.

    A tenant has at most one per image, under the image's id; a new failure replaces it.
    """

    id: ImageId
    tenant: str
    filename: str
    # The job in which it last failed.
    job_id: str
    # Why it failed: one of ``DEAD_CODES``, and a sentence.
    code: str
    detail: str
    # Number of attempts.
    attempts: int
    # When it failed, in seconds since 1970.
    at: float
    tags: list[str]
    metadata: dict[str, MetadataValue]


class DeadLetters(Protocol):
    """Stores dead letters; every method raises ``BrokerUnavailable``."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters, each replacing an older letter of the same image."""
        ...

    def get(self, tenant: str, image_id: str) -> DeadLetter:
        """Return a letter.

        Raises:
            NotFound: The image has no letter.
        """
        ...

    def take(self, tenant: str, image_id: str, owner: str, lease_s: float) -> DeadLetter:
        """Return a letter, leased to an owner until ``give_back`` or until the lease expires.

        The letter stays stored, so that nothing is lost if its owner dies. An owner may take a
        letter that it already holds.

        Args:
            tenant: The owner of the image.
            image_id: The letter's image.
            owner: A unique id of the caller.
            lease_s: Seconds after which the lease expires, in case its owner dies.

        Raises:
            NotFound: The image has no letter.
            DeadLetterBusy: Another owner holds it.
        """
        ...

    def give_back(self, tenant: str, image_id: str, owner: str) -> None:
        """Release the lease on a letter; does nothing if another owner holds it."""
        ...

    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter; return whether there was one.

        Args:
            tenant: The owner of the image.
            image_id: The letter's image.
            job_id: Remove the letter only if the image last failed in this job, so that a newer
                letter stays.
        """
        ...

    def count(self) -> int:
        """Return the number of letters of all tenants."""
        ...

    def tenants(self) -> list[str]:
        """Return the tenants that have or had letters, sorted."""
        ...

    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return a page of a tenant's letters, newest first, and the cursor of the next page.

        Args:
            tenant: The owner of the letters.
            limit: Maximum number of letters in the page.
            cursor: The cursor that the previous page returned; None for the first page.
        """
        ...


def find_letter(letters: DeadLetters, tenant: str, image_id: str) -> DeadLetter | None:
    """Return the letter of an image, or None; raises ``BrokerUnavailable``."""
    try:
        return letters.get(tenant, image_id)
    except NotFound:
        return None


def has_letter(letters: DeadLetters, tenant: str, image_id: str) -> bool:
    """Tell whether there is a dead letter of an image; raises ``BrokerUnavailable``."""
    return find_letter(letters, tenant, image_id) is not None


def no_letter(image_id: str) -> NotFound:
    """Return the error for an image without a letter."""
    return NotFound(f"There is no dead letter {image_id}; it may have been replayed or removed.")


def busy_letter(image_id: str) -> DeadLetterBusy:
    """Return the error for a letter that another owner holds."""
    return DeadLetterBusy(
        f"Another request is replaying or removing dead letter {image_id}. Try again in a moment:"
        " by then it is either gone or available."
    )


def cursor_of(letter: DeadLetter) -> str:
    """Return the cursor of the page after a letter."""
    return write_cursor(letter.at, letter.id)
