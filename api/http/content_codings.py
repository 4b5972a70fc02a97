"""Compressed bodies: they are refused, because none is decompressed.

Otherwise a picture that a client's library compressed would be stored as it came, and fail later as
a file that is no picture.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from api.http.operations import Operation
from common.errors import UnsupportedMediaType
from common.images.archive_formats import ARCHIVE_MEDIA_TYPES

# What a client may say of a body that is sent as it is.
_PLAIN = ("", "identity")


def install(app: Flask, operations: Mapping[str, Operation]) -> None:
    """Refuse bodies with a ``Content-Encoding``, except for archives that are gzip themselves.

    Args:
        app: The application.
        operations: The operations, by Flask endpoint.
    """
    with_body = {name for name, operation in operations.items() if operation.body}

    @app.before_request
    def check() -> None:
        coding = request.headers.get("Content-Encoding", "").strip().lower()
        if coding not in _PLAIN and request.endpoint in with_body:
            if coding == "gzip" and request.mimetype in ARCHIVE_MEDIA_TYPES:
                # Some clients say so of a .tar.gz, whose reader expects it as it is.
                return
            raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
