"""Responses made from answers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Response

from api.schemas.answer import Answer

# Where an answer is not final: the seconds after which a caller may ask again.
ASK_AGAIN = {"Retry-After": "1"}

_write = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def answered(
    answer: Answer, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response that carries an answer."""
    response = Response(_write(answer.plain()) + "\n", status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def nothing() -> Response:
    """Return the response to a removal: 204, which has no body and so no type of one."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
