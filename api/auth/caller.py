"""Whose images a request is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g

from common.keys.base import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what they may do."""

    # Its key's, or ``default`` without keys.
    tenant: str
    scopes: frozenset[Scope]
    # The key that they sent; none while the service is open.
    key_id: str | None = None


def enter(caller: Caller) -> None:
    """Let the current request be a caller's."""
    g.caller = caller


def current_caller() -> Caller:
    """Return who makes the current request; routes that ask nobody have none."""
    return cast("Caller", g.caller)


def caller_or_none() -> Caller | None:
    """Return who makes the current request; None where nobody was asked."""
    return cast("Caller | None", g.get("caller"))
