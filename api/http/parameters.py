"""Query strings: unknown parameters are refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from api.http.operations import Operation
from common.errors import Unprocessable

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
        if not request.args or parameters is None or not request.path.startswith(_API):
            return
        unknown = sorted(set(request.args) - parameters)
        if unknown:
            errors = [{"field": name, "detail": "unknown parameter"} for name in unknown]
            raise Unprocessable(f"{unknown[0]}: unknown parameter.", errors)
