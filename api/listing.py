"""Query strings of lists that are read page by page, newest first."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas import Tag
from common.contract import Place
from common.cursors import read_cursor, write_cursor
from common.jobs.base import JobState

# The last millisecond of the year 9999, in milliseconds since 1970.
_MS_MAX = 253_402_300_799_999
# Characters of an image's id.
_IMAGE_ID_CHARACTERS = 64


def _checked(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


def _checked_image(cursor: str) -> str:
    at, last_id = read_cursor(cursor)
    if not at.is_integer() or at > _MS_MAX or len(last_id) != _IMAGE_ID_CHARACTERS:
        raise ValueError("give the next_cursor of another page")
    return cursor


class ImagesQuery(BaseModel):
    """Query string of ``GET /v1/images``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Annotated[str, AfterValidator(_checked_image)] | None = None
    tag: Tag | None = None

    @property
    def after(self) -> Place | None:
        """The last image of the page before."""
        if self.cursor is None:
            return None
        at, image_id = read_cursor(self.cursor)
        return Place(indexed_at_ms=int(at), id=image_id)


class JobsQuery(BaseModel):
    """Query string of ``GET /v1/jobs``."""

    model_config = ConfigDict(extra="forbid")

    state: JobState | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Annotated[str, AfterValidator(_checked)] | None = None


def image_cursor(place: Place | None) -> str | None:
    """Return the cursor that goes on behind a place."""
    return None if place is None else write_cursor(place.indexed_at_ms, place.id)
