"""Builds responses from response models."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Response

from api.schemas.answer import Answer

# Header of responses that are not final: seconds until the next poll.
ASK_AGAIN = {"Retry-After": "1"}

_write = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def answered(
    answer: Answer, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the JSON response for an answer."""
    response = Response(_write(answer.plain()) + "\n", status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def nothing() -> Response:
    """Return a 204 response, which has no body and therefore no ``Content-Type``."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
