"""``OPTIONS``: returns a route's methods in ``Allow``, without a body."""

from __future__ import annotations

from flask import Flask, Response, request


def install(app: Flask) -> None:
    """Answer ``OPTIONS`` with 204; Flask's own response is 200 with an HTML content type."""

    @app.after_request
    def drop_content_type(response: Response) -> Response:
        if request.method == "OPTIONS" and response.status_code == 200:
            response.status_code = 204
            del response.headers["Content-Type"]
        return response
