"""Response models of dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from api.schemas.answer import Answer, Count, Time
from api.schemas.links import Links
from common.contract import MetadataValue
from common.dead_letters.base import QUARANTINED
from common.dead_letters.base import DeadLetter as Letter
from common.ids import ImageId, RecordId
from common.rfc3339 import rfc3339


@dataclass(slots=True)
class DeadLetter(Answer):
    """An image that the service gave up on through no fault of the caller."""

    id: ImageId
    filename: str
    code: str
    detail: str
    attempts: Count
    job_id: RecordId
    tags: list[str]
    metadata: dict[str, MetadataValue]
    dead_at: Time
    links: dict[str, str]

    @classmethod
    def of(cls, letter: Letter, links: Links) -> DeadLetter:
        """Build the response model of a dead letter."""
        places = links.of_dead_letter(letter.id, letter.job_id)
        if letter.code == QUARANTINED:
            # Decoding it may have crashed its workers, so none makes a thumbnail of it.
            del places["thumbnail"]
        return cls(
            id=letter.id,
            filename=letter.filename,
            code=letter.code,
            detail=letter.detail,
            attempts=letter.attempts,
            job_id=letter.job_id,
            tags=letter.tags,
            metadata=letter.metadata,
            dead_at=rfc3339(letter.at),
            links=places,
        )


@dataclass(slots=True)
class DeadLetters(Answer):
    """A page of dead letters, newest first."""

    dead_letters: list[DeadLetter]
    next_cursor: str | None

    @classmethod
    def of(cls, letters: Iterable[Letter], next_cursor: str | None, links: Links) -> DeadLetters:
        """Build the response page."""
        return cls([DeadLetter.of(letter, links) for letter in letters], next_cursor)
