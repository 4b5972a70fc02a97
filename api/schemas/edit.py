"""Request bodies that change indexed images."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from api.schemas.body import Body, callback_field, check_metadata, kept_value, metadata_field
from common.contract import Change
from common.filters.model import Filter
from common.ids import ImageId
from common.images.filenames import FILENAME_CHARACTERS_MAX, clean_filename
from common.images.metadata_limits import (
    TAGS_MAX,
    OwnKey,
    Tag,
    Text,
    Whole,
)
from common.webhooks.url import CallbackUrl

# Maximum ids of a request.
_IDS_MAX = 10_000


def _given(name: str) -> dict[str, Any]:
    """Return the schema of objects in which a field is present and not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


# ``EditBody._exactly_one`` and ``RefreshBody._one_at_most``, for the OpenAPI document; within allOf
# for generators of clients, as in a query's terms.
_EXACTLY_ONE: dict[str, Any] = {"allOf": [{"oneOf": [_given("ids"), _given("filter")]}]}
_ONE_AT_MOST: dict[str, Any] = {"not": {"allOf": [_given("ids"), _given("filter")]}}


def _clean(filename: str) -> str:
    """Return a file name as uploads are stored under it."""
    cleaned = clean_filename(filename)
    if not cleaned:
        raise ValueError("give a name with printable characters")
    return cleaned


FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=FILENAME_CHARACTERS_MAX),
    AfterValidator(_clean),
]


def _value_or_none(value: object) -> object:
    return None if value is None else kept_value(value)


# A new value under one of the caller's own keys; null removes the key.
NewValue = Annotated[
    Any, BeforeValidator(_value_or_none, json_schema_input_type=Text | Whole | float | bool | None)
]


class TagsChange(Body):
    """Tags to add and to remove; a tag in both is added."""

    add: list[Tag] = Field(default=[], max_length=TAGS_MAX)
    remove: list[Tag] = Field(default=[], max_length=TAGS_MAX)


class ChangeBody(Body):
    """Body of ``PATCH /v1/images/{id}``: what to change; the rest stays."""

    filename: FileName | None = Field(
        default=None, description="The new file name; the old one is kept beside it."
    )
    tags: TagsChange = TagsChange()
    metadata: dict[OwnKey, NewValue] = metadata_field("New values by key; null removes a key.")

    @model_validator(mode="after")
    def _bounded(self) -> ChangeBody:
        check_metadata(self.metadata)
        return self

    @property
    def change(self) -> Change:
        """The change of each image."""
        metadata = self.metadata.items()
        return Change(
            filename=self.filename,
            add_tags=self.tags.add,
            remove_tags=self.tags.remove,
            set_metadata={key: value for key, value in metadata if value is not None},
            unset_metadata=[key for key, value in metadata if value is None],
        )


class EditBody(ChangeBody):
    """Body of ``POST /v1/images/edits``: the images, and what to change."""

    model_config = ConfigDict(json_schema_extra=_EXACTLY_ONE)

    ids: list[ImageId] | None = Field(default=None, min_length=1, max_length=_IDS_MAX)
    filter: Filter | None = None
    callback_url: CallbackUrl | None = callback_field()

    @model_validator(mode="after")
    def _exactly_one(self) -> EditBody:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or a filter; {} matches all images")
        return self


class RefreshBody(Body):
    """Body of ``POST /v1/images/refreshes``: the images; all of them by default."""

    model_config = ConfigDict(json_schema_extra=_ONE_AT_MOST)

    ids: list[ImageId] | None = Field(default=None, min_length=1, max_length=_IDS_MAX)
    filter: Filter | None = None
    callback_url: CallbackUrl | None = callback_field()

    @model_validator(mode="after")
    def _one_at_most(self) -> RefreshBody:
        if self.ids is not None and self.filter is not None:
            raise ValueError("give ids or a filter, not both")
        return self

    @property
    def change(self) -> Change:
        """The change of each image."""
        return Change(refresh=True)
