"""Request and response models of tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.answer import Answer, Count
from common.contract import CatalogTags
from common.images.metadata_limits import TAG_CHARACTERS_MAX, encodable


class TagsQuery(BaseModel):
    """Query string of ``GET /v1/tags``."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, AfterValidator(encodable)] = Field(
        default="",
        max_length=TAG_CHARACTERS_MAX,
        description="Only tags that begin like this, in any case.",
    )
    limit: int = Field(default=100, ge=1, le=1000)


@dataclass(slots=True)
class TagCount(Answer):
    """A tag, and the number of images that have it."""

    tag: str
    count: Count


@dataclass(slots=True)
class TagCounts(Answer):
    """Tags, the most frequent first."""

    tags: list[TagCount]
    more_than: Annotated[
        bool,
        Field(
            description="Whether only the newest images were counted, so that there may be more"
            " images and tags."
        ),
    ]

    @classmethod
    def of(cls, found: CatalogTags) -> TagCounts:
        """Build the response model."""
        return cls([TagCount(each.tag, each.count) for each in found.tags], found.more_than)
