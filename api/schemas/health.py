"""Models of liveness and readiness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.answer import Answer, Count, is_absent

# What to be ready for.
Purpose = Literal["upload", "search", "all"]


class ReadinessQuery(BaseModel):
    """Query string of ``GET /readyz``."""

    model_config = ConfigDict(extra="forbid")

    purpose: Purpose = Field(
        default="upload",
        alias="for",
        description="`upload`: an upload would be accepted. `search`: a search would be answered."
        " `all`: every component is available.",
    )


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
    """Readiness: every component that the purpose needs is available; others may not be."""

    status: Literal["ready"]
    parts: list[Part]

    @classmethod
    def of(cls, parts: list[Part]) -> Readiness:
        """Build the response with the condition of all components."""
        return cls("ready", parts)
