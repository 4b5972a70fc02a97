"""Response models of liveness and readiness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.answer import Answer, Count, is_absent


@dataclass(slots=True)
class Health(Answer):
    """Liveness of the process."""

    status: Literal["ok"]


@dataclass(slots=True)
class Part(Answer):
    """One component of the service and its condition."""

    part: str
    ok: bool
    detail: str
    workers: Annotated[Count | None, Field(exclude_if=is_absent)] = None
    model: Annotated[str | None, Field(exclude_if=is_absent)] = None
    inference_age_s: Annotated[float | None, Field(exclude_if=is_absent)] = None


@dataclass(slots=True)
class Readiness(Answer):
    """Readiness: every component is available."""

    status: Literal["ready"]
    parts: list[Part]

    @classmethod
    def of(cls, parts: list[Part]) -> Readiness:
        """Build the response for components that are all available."""
        return cls("ready", parts)
