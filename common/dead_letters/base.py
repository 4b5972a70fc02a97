"""What a dead letter is, and what every place that keeps them offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from common.contract import ImageId, Message, MetadataValue
from common.cursors import write_cursor

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


def cursor_of(letter: DeadLetter) -> str:
    """Return the cursor that goes on behind a letter."""
    return write_cursor(letter.at, letter.id)
