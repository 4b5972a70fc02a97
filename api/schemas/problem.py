"""Problem documents (RFC 9457) and their codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.answer import Answer, is_absent
from common.errors import GlimpseError, SetupError

# Codes without an error class: those of HTTP itself and of ``/readyz``.
_CODES_OF_HTTP = (
    "expectation_failed",
    "forbidden",
    "headers_too_large",
    "method_not_allowed",
    "not_implemented",
    "not_ready",
    "precondition_failed",
    "range_not_satisfiable",
    "rate_limited",
    "uri_too_long",
)


def _codes_below(kind: type[GlimpseError]) -> Iterator[str]:
    yield kind.code
    for below in kind.__subclasses__():
        if not issubclass(below, SetupError):
            yield from _codes_below(below)


# All codes of problem documents; importing ``common.errors`` defines every error class.
CODES = tuple(sorted({*_codes_below(GlimpseError), *_CODES_OF_HTTP}))


@dataclass(slots=True)
class FieldError(Answer):
    """An error in one field of a request; from ``/readyz``, a missing component."""

    field: str
    detail: str


@dataclass(slots=True)
class Problem(Answer):
    """Why a request failed (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Annotated[str, Field(json_schema_extra={"enum": list(CODES)})]
    request_id: str
    errors: Annotated[list[FieldError] | None, Field(exclude_if=is_absent)] = None

    @classmethod
    def of(
        cls,
        status: int,
        code: str,
        detail: str,
        request_id: str,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> Problem:
        """Build the problem document of a request.

        Args:
            status: HTTP status.
            code: Stable code for programs.
            detail: A sentence for people.
            request_id: The id of the request.
            errors: The fields at fault: ``{"field", "detail"}`` each.
        """
        return cls(
            type="about:blank",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            request_id=request_id,
            errors=[FieldError(each["field"], each["detail"]) for each in errors] or None,
        )
