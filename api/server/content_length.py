"""Counts bodies, and refuses those that are shorter than their Content-Length.

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
        length: The declared ``Content-Length``; 0 if there is none.
    """

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._length = length
        self.received = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; an empty result means the end.

        Raises:
            ClientDisconnected: The body ended too early.
        """
        data: bytes = self._stream.read(size)
        self.received += len(data)
        is_at_end = size < 0 or (size > 0 and not data)
        if is_at_end and self.received < self._length:
            raise ClientDisconnected
        return data


def install(app: Flask) -> None:
    """Make incomplete bodies raise an error when a route reads them."""

    @app.before_request
    def count() -> None:
        environ = request.environ
        # Under other servers Werkzeug counts; it checks only that this key is present.
        if "wsgi.input_terminated" in environ:
            length = request.content_length or 0
            environ["wsgi.input"] = CountedBody(environ["wsgi.input"], length)


def bytes_received() -> int:
    """Return the bytes of the current request's body that have been read so far."""
    body = request.environ["wsgi.input"]
    return body.received if isinstance(body, CountedBody) else 0
