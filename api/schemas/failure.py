"""Failures: why a search has no hits, or a stream ended early."""

from __future__ import annotations

from dataclasses import dataclass

from api.schemas.answer import Answer


@dataclass(slots=True)
class Failure(Answer):
    """Why a search failed."""

    code: str
    detail: str
