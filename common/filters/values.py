"""The operands of filters, with the validation of each type."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from common.filters.schema import (
    FORMAT_PATTERN,
    NAME_PATTERN,
    ONE_LINE_OR_NONE,
    TIME_FORMAT,
)
from common.images import metadata_limits
from common.images.filenames import FILENAME_CHARACTERS_MAX
from common.images.formats import MEDIA_TYPES
from common.images.metadata_limits import INTEGER_MAX, check_value, encodable, one_line
from common.images.photo_info import NAME_CHARACTERS_MAX
from common.json_integers import WHOLE

# Code of the first character after the control characters.
_SPACE = 0x20

# RFC 3339's date-time; Python's parser accepts more.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def read_time(text: str) -> datetime:
    """Parse an RFC 3339 time.

    Raises:
        ValueError: The text is not one.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("give a time such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("give a date and time that exist") from None


def _name(text: str) -> str:
    """Reject control characters, which are removed from the file names of uploads."""
    if any(ord(character) < _SPACE for character in text):
        raise ValueError("give a name without control characters")
    return encodable(text)


def _time(text: str) -> str:
    read_time(text)
    return text


def _format(name: str) -> str:
    if name.upper() not in MEDIA_TYPES:
        raise ValueError(f"give one of {', '.join(MEDIA_TYPES)}")
    return name.upper()


def _scalar(value: object) -> object:
    """Check an operand: unlike a stored text it must be a single line."""
    checked = check_value(value)
    if isinstance(checked, str):
        return one_line(checked)
    if isinstance(checked, int) and abs(checked) > INTEGER_MAX:
        raise ValueError("give a whole number from -2**53 to 2**53")
    return checked


def _ordered(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("booleans have no order; use eq")  # noqa: TRY004 - pydantic's
    return _scalar(value)


Whole = Annotated[metadata_limits.Whole, WHOLE]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=FILENAME_CHARACTERS_MAX),
    AfterValidator(_name),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
]
Format = Annotated[
    str, AfterValidator(_format), Field(json_schema_extra={"pattern": FORMAT_PATTERN})
]
Camera = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_CHARACTERS_MAX),
    AfterValidator(_name),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
]
# Part of a text; a line break would end a string of Milvus.
Part = Annotated[
    str,
    StringConstraints(min_length=1, max_length=metadata_limits.VALUE_CHARACTERS_MAX),
    AfterValidator(one_line),
    Field(json_schema_extra={"pattern": metadata_limits.ONE_LINE}),
]
Time = Annotated[str, AfterValidator(_time), Field(json_schema_extra={"format": TIME_FORMAT})]
# The types that the checks of a metadata value accept, for the OpenAPI document.
_Text = Annotated[metadata_limits.Text, Field(json_schema_extra={"pattern": ONE_LINE_OR_NONE})]
OwnValue = Annotated[
    Any, BeforeValidator(_scalar, json_schema_input_type=_Text | Whole | float | bool)
]
OrderedValue = Annotated[
    Any, BeforeValidator(_ordered, json_schema_input_type=_Text | Whole | float)
]
