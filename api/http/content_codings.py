"""Compressed bodies: they are refused, because none is decompressed.

Otherwise a picture that a client's library compressed would be stored as it came, and fail later as
a file that is no picture.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request
from werkzeug.datastructures import Headers

from api.http.operations import Operation
from common.errors import UnsupportedMediaType
from common.images.archive_formats import ARCHIVE_MEDIA_TYPES


def install(app: Flask, operations: Mapping[str, Operation]) -> None:
    """Refuse bodies with a ``Content-Encoding``, except for archives that are gzip themselves.

    Args:
        app: The application.
        operations: The operations, by Flask endpoint.
    """
    with_body = {name for name, operation in operations.items() if operation.body}

    @app.before_request
    def check() -> None:
        # Some clients say gzip of a .tar.gz, whose reader expects it as it is.
        is_archive = request.mimetype in ARCHIVE_MEDIA_TYPES
        if request.endpoint in with_body:
            refuse_coded(request.headers, but="gzip" if is_archive else "identity")


def refuse_coded(headers: Headers, but: str = "identity") -> None:
    """Raise ``UnsupportedMediaType`` if a body or a part has another ``Content-Encoding``."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", but):
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
