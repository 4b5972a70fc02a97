"""Query strings: a parameter that a route does not know is refused, and never passed over."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from api.http.operations import Operation
from common.errors import Unprocessable

# Where the HTTP API proper is; pages are asked for with whatever a link carries.
_API = "/v1/"


def install(app: Flask, operations: Mapping[str, Operation]) -> None:
    """Refuse requests to the API with parameters that their routes do not have.

    Args:
        app: The application.
        operations: Its routes by their endpoints.
    """

    @app.before_request
    def look() -> None:
        operation = operations.get(request.endpoint or "")
        if not request.args or operation is None or not request.path.startswith(_API):
            return
        unknown = sorted(set(request.args) - operation.parameters)
        if unknown:
            errors = [{"field": name, "detail": "there is no such parameter"} for name in unknown]
            raise Unprocessable(f"{unknown[0]}: there is no such parameter.", errors)
