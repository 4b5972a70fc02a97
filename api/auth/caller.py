"""The caller of a request: whose images it is about, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g

from common.keys.base import Scope
from common.logs.context import bind


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what they may do."""

    # The key's tenant, or ``default`` without keys.
    tenant: str
    scopes: frozenset[Scope]
    # The key's id; None while the service is open.
    key_id: str | None = None


def enter(caller: Caller) -> None:
    """Set the current request's caller."""
    g.caller = caller
    # Until the end of the request, when the binding of its id is released.
    bind(tenant=caller.tenant)


def current_caller() -> Caller:
    """Return the current request's caller; routes that need no scope have none."""
    return cast("Caller", g.caller)


def caller_or_none() -> Caller | None:
    """Return the current request's caller, or None if the route needs no scope."""
    return cast("Caller | None", g.get("caller"))
