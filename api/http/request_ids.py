"""Request ids: one per request, in the response and in every log line about it."""

from __future__ import annotations

import re
import uuid

from flask import Flask, Response, g, request

from common.logs.context import bind, release

HEADER = "X-Request-ID"

# Ids accepted from callers and proxies; others could forge log lines.
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def install(app: Flask) -> None:
    """Give every request an id: the caller's if well formed, else a generated one."""

    @app.before_request
    def assign() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex
        g.log_binding = bind(request=g.request_id)

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        if binding := g.pop("log_binding", None):
            release(binding)

    @app.after_request
    def show(response: Response) -> Response:
        response.headers[HEADER] = request_id()
        return response


def request_id() -> str:
    """Return the id of the current request."""
    return str(g.request_id)
