"""A span for each request, which continues the trace of the caller."""

from __future__ import annotations

from flask import Flask, Response, g, request

from api.http.request_ids import request_id
from api.http.route_names import route_of
from common.traces.spans import continued_span, is_tracing, note


def install(app: Flask) -> None:
    """Record every request, if spans are recorded."""

    @app.before_request
    def begin() -> None:
        if not is_tracing():
            return
        route = route_of(request)
        attributes = {
            "http.request.method": request.method,
            "http.route": route,
            "glimpse.request_id": request_id(),
        }
        headers = {name.lower(): value for name, value in request.headers}
        g.span = continued_span(f"{request.method} {route}", headers, attributes, is_request=True)
        g.span.__enter__()

    @app.after_request
    def note_status(response: Response) -> Response:
        note({"http.response.status_code": response.status_code})
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if begun := g.pop("span", None):
            begun.__exit__(type(error) if error else None, error, None)
