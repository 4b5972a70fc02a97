"""Bodies that end before their Content-Length: refused, and not taken for shorter ones.

gunicorn ends such a body as it ends a whole one, and Werkzeug trusts it to know. What
came of a picture would be kept as a picture, under an id of its own.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from werkzeug.exceptions import ClientDisconnected


class CountedBody:
    """A request's body that counts what comes.

    Args:
        stream: The server's.
        length: Bytes that the caller has announced.
    """

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._rest = length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            ClientDisconnected: The end came too early.
        """
        data: bytes = self._stream.read(size)
        self._rest -= len(data)
        is_at_end = size < 0 or (size > 0 and not data)
        if is_at_end and self._rest > 0:
            raise ClientDisconnected
        return data


def install(app: Flask) -> None:
    """Let no route read a body that broke off as if it were whole."""

    @app.before_request
    def count() -> None:
        environ = request.environ
        # Elsewhere Werkzeug counts by itself; it asks whether this is there, not what it says.
        if request.content_length and "wsgi.input_terminated" in environ:
            environ["wsgi.input"] = CountedBody(environ["wsgi.input"], request.content_length)
