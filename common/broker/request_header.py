"""The header of a task with the id of the request that it comes from, for log lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.logs.context import current_request

_REQUEST = "request_id"


def request_header() -> dict[str, str]:
    """Return the header of a task that is being sent; empty if it comes from no request."""
    request = current_request()
    return {} if request is None else {_REQUEST: request}


def request_of(headers: Mapping[str, Any]) -> str | None:
    """Return the id of the request that a task comes from; None if it comes from none."""
    request = headers.get(_REQUEST)
    return request if isinstance(request, str) else None
