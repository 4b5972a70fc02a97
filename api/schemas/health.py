"""Health as callers see it: that the process answers, and whether each part is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.answer import Answer, Count, is_absent


@dataclass(slots=True)
class Health(Answer):
    """That the process answers."""

    status: Literal["ok"]


@dataclass(slots=True)
class Part(Answer):
    """One part of the service."""

    part: str
    ok: bool
    detail: str
    workers: Annotated[Count | None, Field(exclude_if=is_absent)] = None
    model: Annotated[str | None, Field(exclude_if=is_absent)] = None
    inference_age_s: Annotated[float | None, Field(exclude_if=is_absent)] = None


@dataclass(slots=True)
class Readiness(Answer):
    """That every part is there."""

    status: Literal["ready"]
    parts: list[Part]

    @classmethod
    def of(cls, parts: list[Part]) -> Readiness:
        """Return that these parts are all there."""
        return cls("ready", parts)
