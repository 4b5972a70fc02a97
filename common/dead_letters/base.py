"""What a dead letter is, and what every place that keeps them offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from common.contract import Message, MetadataValue
from common.cursors import write_cursor
from common.errors import DeadLetterBusy, NotFound
from common.ids import ImageId

# Reason code of an image that was in hand when workers died.
QUARANTINED = "quarantined"
# Reason codes of images that go to the dead letters: the fault is the service's, or the
# image is too dangerous to be tried again by itself. A bad picture is its caller's.
DEAD_CODES = frozenset({QUARANTINED, "encoder_error", "store_error"})


class DeadLetter(Message):
    """An image that was given up, with all that it takes to try it again.

    There is one for each image of a tenant, under the image's id: given up
    again, it is replaced.
    """

    id: ImageId
    tenant: str
    filename: str
    # The job that it was last given up in.
    job_id: str
    # Why: one of ``DEAD_CODES``, and a sentence.
    code: str
    detail: str
    # How often it was tried.
    attempts: int
    # When it was given up, in seconds since 1970.
    at: float
    tags: list[str]
    metadata: dict[str, MetadataValue]


class DeadLetters(Protocol):
    """Where dead letters are kept; every method raises ``BrokerUnavailable``."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters, each in place of an older one about the same image."""
        ...

    def get(self, tenant: str, image_id: str) -> DeadLetter:
        """Return a letter.

        Raises:
            NotFound: There is none about this image.
        """
        ...

    def take(self, tenant: str, image_id: str, owner: str, lease_s: float) -> DeadLetter:
        """Return a letter that nobody else gets until ``give_back``, or until the lease ends.

        It stays among the letters, so that whoever dies with it in hand loses nothing. An
        owner may take again what it has.

        Args:
            tenant: Whose image it is.
            image_id: The letter's image.
            owner: Who takes it; unique among all that do.
            lease_s: Seconds after which it is free again, if its owner has died.

        Raises:
            NotFound: There is none about this image.
            DeadLetterBusy: Somebody else has it.
        """
        ...

    def give_back(self, tenant: str, image_id: str, owner: str) -> None:
        """Let others take what is about an image; does nothing where the lease is not one's own."""
        ...

    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter; return whether there was one.

        Args:
            tenant: Whose image it is.
            image_id: The letter's image.
            job_id: Remove it only if it was last given up in this job: a newer letter in
                its place stays.
        """
        ...

    def count(self) -> int:
        """Return how many letters there are, of all tenants together."""
        ...

    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return up to ``limit`` letters of a tenant, the newest first, and where to go on.

        Args:
            tenant: Whose letters.
            limit: Letters in the page, at most.
            cursor: What the page before returned; None for the first.
        """
        ...


def find_letter(letters: DeadLetters, tenant: str, image_id: str) -> DeadLetter | None:
    """Return the letter about an image, or None; raises ``BrokerUnavailable``."""
    try:
        return letters.get(tenant, image_id)
    except NotFound:
        return None


def no_letter(image_id: str) -> NotFound:
    """Return the error of an image that there is no letter about."""
    return NotFound(f"There is no dead letter {image_id}.")


def busy_letter(image_id: str) -> DeadLetterBusy:
    """Return the error of a letter that somebody else has taken."""
    return DeadLetterBusy(
        f"Another request replays or removes dead letter {image_id}; ask again in a moment. By then"
        " it is gone, or free."
    )


def cursor_of(letter: DeadLetter) -> str:
    """Return the cursor that goes on behind a letter."""
    return write_cursor(letter.at, letter.id)
