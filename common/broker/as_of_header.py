"""The header of a task with the read marks of its sending, which Redis itself writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AS_OF = "as_of"
# Stands for the marks in a message. No other header can contain it: a request's id has no such
# characters.
_PLACE = "<as of>"


def place_for_marks() -> dict[str, str]:
    """Return the header of a task that is being sent, with a place for the marks."""
    return {_AS_OF: _PLACE}


def split_at_marks(message: str) -> tuple[str, str]:
    """Return what precedes the marks in a message, and what follows them: '' without a place."""
    before, _, after = message.partition(f'"{_PLACE}"')
    return before, after


def marks_of(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field ``as_of`` of the payload of a task; empty if its header lacks it."""
    marks = headers.get(_AS_OF)
    return {_AS_OF: marks} if isinstance(marks, dict) else {}
