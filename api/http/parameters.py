"""Query strings: unknown parameters are refused, not ignored, and so is what is not UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from flask import Flask, request

from api.http.operations import Operation
from common.errors import InvalidRequest, Unprocessable

# Prefix of the HTTP API proper; links to pages may carry any parameters.
_API = "/v1/"


def install(app: Flask, operations: Mapping[str, Operation]) -> None:
    """Refuse requests to the API with unknown query parameters.

    Args:
        app: The application.
        operations: The operations, by Flask endpoint.
    """
    known = {name: operation.parameters for name, operation in operations.items()}

    @app.before_request
    def check() -> None:
        parameters = known.get(request.endpoint or "")
        if not request.query_string or parameters is None or not request.path.startswith(_API):
            return
        _require_utf_8(request.query_string)
        unknown = sorted(set(request.args) - parameters)
        if unknown:
            errors = [{"field": name, "detail": "unknown parameter"} for name in unknown]
            raise Unprocessable(f"{unknown[0]}: unknown parameter.", errors)


def _require_utf_8(query: bytes) -> None:
    """Refuse other encodings: their values would match nothing, and Werkzeug fails on raw bytes."""
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            "The query string is not UTF-8. Percent-encode its values as UTF-8."
        ) from None
