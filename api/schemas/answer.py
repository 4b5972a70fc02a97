"""Answers: the values that routes return, and from which the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from common.rfc3339 import rfc3339

Json = dict[str, Any]

RecordId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class Answer:
    """Base of what callers get: it has no other fields than these.

    Answers are dataclasses, neither checked nor frozen when they are made: a page has a thousand
    of them, and tests hold every answer against the document.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    def plain(self) -> Json:
        """Return the answer as JSON has it, its fields in their order."""
        plain: Json = _writer(type(self))(self)  # type: ignore[arg-type]  # classes have a hash
        return plain


@cache
def _writer(kind: type[Answer]) -> Callable[[Answer], Any]:
    return TypeAdapter(kind).serializer.to_python


def is_absent(value: object) -> bool:
    """Tell whether an optional field is left out; others are shown as null."""
    return value is None


def time_or_none(seconds: float | None) -> Time | None:
    """Write seconds since 1970, if there are any."""
    return None if seconds is None else rfc3339(seconds)
