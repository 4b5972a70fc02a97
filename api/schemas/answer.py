"""Response models: the values that routes return and that the OpenAPI document describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from common.rfc3339 import rfc3339

Json = dict[str, Any]

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class Answer:
    """Base of response models; the schema forbids other fields.

    Answers are plain dataclasses without validation, because a page can hold a thousand of them;
    tests check every response against the OpenAPI document.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    def plain(self) -> Json:
        """Return the answer as JSON-compatible values, in field order."""
        plain: Json = _writer(type(self))(self)  # type: ignore[arg-type]  # classes have a hash
        return plain


@cache
def _writer(kind: type[Answer]) -> Callable[[Answer], Any]:
    return TypeAdapter(kind).serializer.to_python


def is_absent(value: object) -> bool:
    """Return whether to omit an optional field instead of sending null."""
    return value is None


def time_or_none(seconds: float | None) -> Time | None:
    """Format seconds since 1970, or return None for None."""
    return None if seconds is None else rfc3339(seconds)
