"""Request bodies that turn out to be invalid HTTP while gunicorn reads them."""

from __future__ import annotations

import logging

from flask import Flask, Response
from gunicorn.http.errors import ParseException

from api.http.problems import problem
from common.errors import InvalidRequest

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Answer an invalid body with a problem document."""
    app.register_error_handler(ParseException, _refuse)


def _refuse(error: ParseException) -> Response:
    log.info("api.unreadable_body %s", type(error).__name__)
    detail = "The body is incomplete or malformed; send it again."
    return problem(400, InvalidRequest.code, detail, InvalidRequest(detail).errors)
