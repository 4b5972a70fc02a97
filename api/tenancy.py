"""Whose images a request is about."""

from __future__ import annotations

from common.contract import DEFAULT_TENANT


def current_tenant() -> str:
    """Return the tenant of the current request: everybody's, while there are no keys."""
    return DEFAULT_TENANT
