"""Refuses bodies that are shorter than their Content-Length.

gunicorn ends such a body like a complete one, and Werkzeug trusts the server. Without this check,
part of a picture would be stored as a picture with its own id.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from werkzeug.exceptions import ClientDisconnected


class CountedBody:
    """A request body that counts the bytes received.

    Args:
        stream: The server's input stream.
        length: The declared ``Content-Length``.
    """

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._remaining = length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; an empty result means the end.

        Raises:
            ClientDisconnected: The body ended too early.
        """
        data: bytes = self._stream.read(size)
        self._remaining -= len(data)
        is_at_end = size < 0 or (size > 0 and not data)
        if is_at_end and self._remaining > 0:
            raise ClientDisconnected
        return data


def install(app: Flask) -> None:
    """Make incomplete bodies raise an error when a route reads them."""

    @app.before_request
    def count() -> None:
        environ = request.environ
        # Under other servers Werkzeug counts; it checks only that this key is present.
        if request.content_length and "wsgi.input_terminated" in environ:
            environ["wsgi.input"] = CountedBody(environ["wsgi.input"], request.content_length)
