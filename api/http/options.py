"""``OPTIONS``: the methods of a route, told without a body and so without a type of one."""

from __future__ import annotations

from flask import Flask, Response, request


def install(app: Flask) -> None:
    """Answer ``OPTIONS`` with 204; Flask's own answer says that it is HTML."""

    @app.after_request
    def tell_nothing_else(response: Response) -> Response:
        if request.method == "OPTIONS" and response.status_code == 200:
            response.status_code = 204
            del response.headers["Content-Type"]
        return response
