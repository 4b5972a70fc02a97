"""Query strings of paginated lists."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, ValidationInfo

from api.schemas.edit import FileName
from api.schemas.image_cursor import IMAGE_CURSOR_PATTERN, read_image_cursor
from common.contract import NEWEST_FIRST, Place, Sort
from common.cursors import CURSOR_PATTERN, read_cursor
from common.filters.model import Filter
from common.images.metadata_limits import Tag
from common.jobs.base import JobState

# Description of cursors in the OpenAPI document.
_CURSOR = "The `next_cursor` of the previous page."


def _checked(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


def _checked_image(cursor: str, info: ValidationInfo) -> str:
    # An order that is not valid has an error of its own.
    if "sort" in info.data:
        read_image_cursor(cursor, info.data["sort"])
    return cursor


Cursor = Annotated[
    str,
    AfterValidator(_checked),
    Field(description=_CURSOR, json_schema_extra={"pattern": CURSOR_PATTERN}),
]
ImageCursor = Annotated[
    str,
    AfterValidator(_checked_image),
    Field(description=_CURSOR, json_schema_extra={"pattern": IMAGE_CURSOR_PATTERN}),
]


class ImagesQuery(BaseModel):
    """Query string of ``GET /v1/images``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1000)
    sort: Sort = Field(
        default=NEWEST_FIRST, description="The order; `-` sorts from the highest value down."
    )
    # After ``sort``, because it is checked against it.
    cursor: ImageCursor | None = None
    tag: Tag | None = Field(default=None, description="Only images with this tag.")
    filter: Json[Filter] | None = Field(
        default=None, description="Only images that match this filter, as JSON."
    )
    count: bool = Field(default=False, description="Whether to count the images of all pages.")

    @property
    def after(self) -> Place | None:
        """The position of the previous page's last image."""
        return None if self.cursor is None else read_image_cursor(self.cursor, self.sort)


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
