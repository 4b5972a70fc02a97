"""Values that filters compare with: what each kind may be, checked one by one."""

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
from common.json_integers import WHOLE

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


def _name(text: str) -> str:
    """Refuse what no file name has: an upload's loses its control characters."""
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
    """Check a value to compare with: a kept text may have several lines, this one may not."""
    checked = check_value(value)
    if isinstance(checked, str):
        return one_line(checked)
    if isinstance(checked, int) and abs(checked) > INTEGER_MAX:
        raise ValueError("give a whole number of at most 2**53")
    return checked


def _ordered(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean is neither more nor less; use eq")  # noqa: TRY004 - pydantic's
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
Time = Annotated[str, AfterValidator(_time), Field(json_schema_extra={"format": TIME_FORMAT})]
# What the checks of an own value let through, for the OpenAPI document.
_Text = Annotated[metadata_limits.Text, Field(json_schema_extra={"pattern": ONE_LINE_OR_NONE})]
OwnValue = Annotated[
    Any, BeforeValidator(_scalar, json_schema_input_type=_Text | Whole | float | bool)
]
OrderedValue = Annotated[
    Any, BeforeValidator(_ordered, json_schema_input_type=_Text | Whole | float)
]
