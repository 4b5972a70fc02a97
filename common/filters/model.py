"""Filters: which images a search may find, as conditions on what is known of them.

    {"tags": {"any": ["dog", "cat"], "none": ["draft"]},
     "width": {"gte": 640},
     "metadata.album": "holiday",
     "indexed_at": {"gte": "2026-01-31T12:00:00Z"}}

All conditions hold together, and so do all operators of one. What is unknown is
refused and never passed over: a condition left out would find more than was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_serializer,
    model_validator,
)

from common.filters.schema import asks_something, named_metadata
from common.filters.values import (
    Format,
    Name,
    OrderedValue,
    OwnValue,
    Time,
    Whole,
)
from common.images.metadata_limits import OwnKey, Tag

# What stands before an image's own metadata key in the name of a condition.
_METADATA_PREFIX = "metadata."
# Keys of metadata in one filter, and values in one list, at most.
_KEYS_MAX, _VALUES_MAX = 16, 100
# Bytes of a filter as JSON, at most.
_BYTES_MAX = 64 * 1024


class Condition(BaseModel):
    """Base of what is asked of one field: its operators, at least one."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", json_schema_extra=asks_something
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.operands:
            operators = (field.alias or name for name, field in type(self).model_fields.items())
            raise ValueError(f"give at least one of {', '.join(operators)}")
        return self

    @property
    def operands(self) -> dict[str, Any]:
        """What each operator compares with, by the operators' names in the API."""
        return self.model_dump(by_alias=True, exclude_none=True)


def _equal_to(value: object) -> object:
    """Read a bare value as the one that is asked for."""
    return value if isinstance(value, Mapping | Condition) else {"eq": value}


class Tags(Condition):
    """Of an image's tags: at least one of ``any``, each of ``all``, and none of ``none``."""

    any: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)
    all: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)
    none: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)


class Number(Condition):
    """Of a whole number."""

    eq: Whole | None = None
    one_of: list[Whole] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    gt: Whole | None = None
    gte: Whole | None = None
    lt: Whole | None = None
    lte: Whole | None = None


class Filename(Condition):
    """Of the path that an image was uploaded under; capitals count."""

    eq: Name | None = None
    one_of: list[Name] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    prefix: Name | None = None


class FormatName(Condition):
    """Of the format's name, in capitals or not."""

    eq: Format | None = None
    one_of: list[Format] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )


class Moment(Condition):
    """Of a time: RFC 3339, with its offset from UTC."""

    gt: Time | None = None
    gte: Time | None = None
    lt: Time | None = None
    lte: Time | None = None


class Own(Condition):
    """Of a value of the caller's own metadata.

    A string is compared with strings, a number with numbers (1 is 1.0), a boolean
    with booleans. A value of another kind, or none, meets no condition.
    """

    eq: OwnValue = None
    one_of: list[OwnValue] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    gt: OrderedValue = None
    gte: OrderedValue = None
    lt: OrderedValue = None
    lte: OrderedValue = None


# Conditions of which a bare value is the one that is asked for.
AskedNumber = Annotated[Number, BeforeValidator(_equal_to, json_schema_input_type=Whole | Number)]
AskedFormat = Annotated[
    FormatName, BeforeValidator(_equal_to, json_schema_input_type=Format | FormatName)
]
AskedFilename = Annotated[
    Filename, BeforeValidator(_equal_to, json_schema_input_type=Name | Filename)
]
AskedOwn = Annotated[Own, BeforeValidator(_equal_to, json_schema_input_type=OwnValue | Own)]


class Filter(BaseModel):
    """Conditions that an image must meet to be found; without any, every image does."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", json_schema_extra=named_metadata
    )

    tags: Tags | None = None
    width: AskedNumber | None = None
    height: AskedNumber | None = None
    bytes: AskedNumber | None = None
    format: AskedFormat | None = None
    filename: AskedFilename | None = None
    indexed_at: Moment | None = None
    # By the caller's own keys; in JSON each is a condition named "metadata.KEY".
    metadata: dict[OwnKey, AskedOwn] = Field(default={}, max_length=_KEYS_MAX)

    @model_validator(mode="before")
    @classmethod
    def _gather_metadata(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        if "metadata" in value:
            raise ValueError("metadata: name one of its keys, as in metadata.album")
        plain = {name: each for name, each in value.items() if not _is_own(name)}
        own = {
            name.removeprefix(_METADATA_PREFIX): each
            for name, each in value.items()
            if _is_own(name)
        }
        return plain | {"metadata": own}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        # It is kept with its search, and goes through the queue.
        if len(self.model_dump_json().encode()) > _BYTES_MAX:
            raise ValueError(f"give at most {_BYTES_MAX} bytes of JSON")
        return self

    @model_serializer
    def _as_asked(self) -> dict[str, Any]:
        return {name: condition.operands for name, condition in self.conditions.items()}

    @property
    def conditions(self) -> dict[str, Condition]:
        """What is asked of each field, by the fields' names in the API."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        own = {f"{_METADATA_PREFIX}{key}": each for key, each in fields.pop("metadata").items()}
        return {name: condition for name, condition in fields.items() if condition} | own


def _is_own(name: object) -> bool:
    return isinstance(name, str) and name.startswith(_METADATA_PREFIX)
