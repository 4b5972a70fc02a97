"""CORS: lets the pages of named origins call the API from a browser.

Browsers send keys in ``Authorization``, never by themselves, so credentials are not allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flask import Flask, Response, request

from api.http.operations import Operation

# Paths that CORS applies to: the API and its document, but not Glimpse's own pages.
_PATHS = ("/v1/", "/openapi.json", "/healthz", "/readyz")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
# Headers of requests to any route.
_HEADERS = ("Authorization", "Content-Type", "X-Request-ID")
# Seconds for which a browser may remember a preflight's answer; Chromium's maximum.
_REMEMBERED_S = 7200


def install(
    app: Flask,
    origins: Collection[str],
    operations: Mapping[str, Operation],
    exposed: Collection[str],
) -> None:
    """Answer preflights of some origins, and let their pages read responses.

    Call it before authorization is installed: a preflight carries no key.

    Args:
        app: The application.
        origins: The origins, such as ``https://photos.example``; without any, nothing changes.
        operations: The operations, whose request headers are allowed.
        exposed: Response headers that pages may read.
    """
    if not origins:
        return
    of_routes = {name for operation in operations.values() for name in operation.headers}
    allowed_headers = ", ".join(sorted({*_HEADERS, *of_routes}))
    exposed_headers = ", ".join(sorted(exposed))

    @app.before_request
    def answer_preflight() -> Response | None:
        return app.make_default_options_response() if _is_preflight() else None

    @app.after_request
    def allow(response: Response) -> Response:
        if not request.path.startswith(_PATHS):
            return response
        # A cache must not give one origin the response for another, nor for none.
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        if _is_preflight():
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = allowed_headers
            response.headers["Access-Control-Max-Age"] = str(_REMEMBERED_S)
        else:
            response.headers["Access-Control-Expose-Headers"] = exposed_headers
        return response


def _is_preflight() -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
