"""Failures: why a search failed or an event stream ended early."""

from __future__ import annotations

from dataclasses import dataclass

from api.schemas.answer import Answer


@dataclass(slots=True)
class Failure(Answer):
    """Why a search or an event stream failed."""

    code: str
    detail: str
