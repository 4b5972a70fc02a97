"""Filters: which images a search may find, as conditions on what is known of them.

    {"tags": {"any": ["dog", "cat"], "none": ["draft"]},
     "width": {"gte": 640},
     "metadata.album": "holiday",
     "indexed_at": {"gte": "2026-01-31T12:00:00Z"}}

All conditions hold together, and so do all operators of one. What is unknown is
refused and never passed over: a condition left out would find more than was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_serializer,
    model_validator,
)

from common.filenames import FILENAME_CHARACTERS_MAX
from common.formats import MEDIA_TYPES
from common.metadata_limits import (
    INTEGER_MAX,
    KEY_CHARACTERS_MAX,
    TAG_CHARACTERS_MAX,
    VALUE_CHARACTERS_MAX,
)

# What stands before an image's own metadata key in the name of a condition.
_METADATA_PREFIX = "metadata."
# Keys of metadata in one filter, and values in one list, at most.
_KEYS_MAX, _VALUES_MAX = 16, 100
# Bytes of a filter as JSON, at most.
_BYTES_MAX = 64 * 1024

# Code of the first character that is no control character.
_SPACE = 0x20

# RFC 3339's date-time; Python reads more than that.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

Scalar = str | int | float | bool


def read_time(text: str) -> datetime:
    """Return the moment that an RFC 3339 time names.

    Raises:
        ValueError: It is none.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("give a time such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("there is no such time") from None


def _plain(text: str) -> str:
    """Refuse what no expression can hold in every Milvus."""
    if "\n" in text or "\r" in text:
        raise ValueError("give one line, without line breaks")
    return _encodable(text)


def _name(text: str) -> str:
    """Refuse what no file name has: an upload's loses its control characters."""
    if any(ord(character) < _SPACE for character in text):
        raise ValueError("give a name without control characters")
    return _encodable(text)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("give valid Unicode text, without lone surrogates") from None
    return text


def _time(text: str) -> str:
    read_time(text)
    return text


def _format(name: str) -> str:
    if name.upper() not in MEDIA_TYPES:
        raise ValueError(f"give one of {', '.join(MEDIA_TYPES)}")
    return name.upper()


def _scalar(value: object) -> object:
    """Check a value of metadata; one check for all its types gives one error, not four."""
    if isinstance(value, str):
        if len(value) > VALUE_CHARACTERS_MAX:
            raise ValueError(f"give at most {VALUE_CHARACTERS_MAX} characters")
        return _plain(value)
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        raise ValueError("give a string, a number or a boolean")  # noqa: TRY004 - pydantic's
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError("give a finite number")
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise ValueError("give a whole number of at most 2**53")
    return value


def _ordered(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean is neither more nor less; use eq")  # noqa: TRY004 - pydantic's
    return _scalar(value)


Whole = Annotated[int, Field(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=FILENAME_CHARACTERS_MAX),
    AfterValidator(_name),
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TAG_CHARACTERS_MAX),
    AfterValidator(_plain),
]
Format = Annotated[str, AfterValidator(_format)]
Time = Annotated[str, AfterValidator(_time)]
OwnValue = Annotated[Any, BeforeValidator(_scalar)]
OrderedValue = Annotated[Any, BeforeValidator(_ordered)]
OwnKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=KEY_CHARACTERS_MAX),
    AfterValidator(_encodable),
]


class Condition(BaseModel):
    """Base of what is asked of one field: its operators, at least one."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

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


AskedNumber = Annotated[Number, BeforeValidator(_equal_to)]


class Filter(BaseModel):
    """Conditions that an image must meet to be found; without any, every image does."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    tags: Tags | None = None
    width: AskedNumber | None = None
    height: AskedNumber | None = None
    bytes: AskedNumber | None = None
    format: Annotated[FormatName, BeforeValidator(_equal_to)] | None = None
    filename: Annotated[Filename, BeforeValidator(_equal_to)] | None = None
    indexed_at: Moment | None = None
    # By the caller's own keys; in JSON each is a condition named "metadata.KEY".
    metadata: dict[OwnKey, Annotated[Own, BeforeValidator(_equal_to)]] = Field(
        default={}, max_length=_KEYS_MAX
    )

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
