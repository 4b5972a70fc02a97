"""Query strings of paginated lists, newest first."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json

from api.schemas.edit import FileName
from common.contract import Place
from common.cursors import CURSOR_PATTERN, read_cursor, write_cursor
from common.filters.model import Filter
from common.ids import IMAGE_ID, IMAGE_ID_DIGITS
from common.images.metadata_limits import Tag
from common.jobs.base import JobState

# The last millisecond of the year 9999, in milliseconds since 1970.
_MS_MAX = 253_402_300_799_999
# Description of cursors in the OpenAPI document.
_CURSOR = "The `next_cursor` of the previous page."
# Pattern of cursors over images in the OpenAPI document.
_IMAGE_CURSOR_PATTERN = f"^[0-9]{{1,14}}-{IMAGE_ID}$"


def _checked(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


def _checked_image(cursor: str) -> str:
    at, last_id = read_cursor(cursor)
    if not at.is_integer() or at > _MS_MAX or len(last_id) != IMAGE_ID_DIGITS:
        raise ValueError("give the next_cursor of another page")
    return cursor


Cursor = Annotated[
    str,
    AfterValidator(_checked),
    Field(description=_CURSOR, json_schema_extra={"pattern": CURSOR_PATTERN}),
]
ImageCursor = Annotated[
    str,
    AfterValidator(_checked_image),
    Field(description=_CURSOR, json_schema_extra={"pattern": _IMAGE_CURSOR_PATTERN}),
]


class ImagesQuery(BaseModel):
    """Query string of ``GET /v1/images``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: ImageCursor | None = None
    tag: Tag | None = Field(default=None, description="Only images with this tag.")
    filter: Json[Filter] | None = Field(
        default=None, description="Only images that match this filter, as JSON."
    )
    count: bool = Field(default=False, description="Whether to count the images of all pages.")

    @property
    def after(self) -> Place | None:
        """The position of the previous page's last image."""
        if self.cursor is None:
            return None
        at, image_id = read_cursor(self.cursor)
        return Place(indexed_at_ms=int(at), id=image_id)


class JobsQuery(BaseModel):
    """Query string of ``GET /v1/jobs``."""

    model_config = ConfigDict(extra="forbid")

    state: JobState | None = None
    name: FileName | None = Field(
        default=None, description="Only the open job that was opened last under this name."
    )
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


class DeadLettersQuery(BaseModel):
    """Query string of ``GET /v1/dead-letters``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


def image_cursor(place: Place | None) -> str | None:
    """Return the cursor that continues after a position."""
    return None if place is None else write_cursor(place.indexed_at_ms, place.id)
