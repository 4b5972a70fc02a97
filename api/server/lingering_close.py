"""Lingering close: receives and discards the rest of a refused body, so the refusal arrives.

If a server closes a connection while the client is still sending, the client's kernel discards
what it received last: the response. Most clients send the whole body before they read a response.
"""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask, Response, request

from api.server.connection import connection_of

log = logging.getLogger(__name__)

# Limits for a discarded body: bytes, and seconds of a thread's time.
_BYTES_MAX = 64 * 1024**2
_SECONDS_MAX = 10.0
# Seconds without a byte after which the client is assumed to have stopped sending.
_SILENCE_S = 2.0
# Bytes read at a time.
_READ_BYTES = 64 * 1024
# The lowest error status, and the status after a timeout, where the body is not awaited.
_ERROR_MIN = 400
_TIMEOUT = 408


def install(app: Flask) -> None:
    """Receive the rest of a refused request's body after the response was sent.

    The response goes first: a client that reads while it sends stops sending.
    """

    @app.after_request
    def receive_later(response: Response) -> Response:
        # Reading without a known length is safe only if the server marks the end of the body.
        is_refused = response.status_code >= _ERROR_MIN and response.status_code != _TIMEOUT
        if is_refused and request.environ.get("wsgi.input_terminated"):
            response.call_on_close(partial(_receive, request.environ))
        return response


def _receive(environ: dict[str, Any]) -> None:
    connection = connection_of(environ)
    try:
        is_complete = _receive_rest(environ["wsgi.input"], connection)
    except Exception as error:
        # The response was sent; an error here only ends the connection.
        log.debug("api.unread_lost %s", error)
        is_complete = False
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)
            if not is_complete:
                # Otherwise gunicorn would wait for the client in the thread that accepts.
                connection.shutdown(socket.SHUT_RDWR)


def _receive_rest(body: Any, connection: socket.socket | None) -> bool:
    """Read a body to its end; return False if it exceeds the limits."""
    deadline = time.monotonic() + _SECONDS_MAX
    received = 0
    while received < _BYTES_MAX and (rest_s := deadline - time.monotonic()) > 0:
        if connection is not None:
            connection.settimeout(min(rest_s, _SILENCE_S))
        data = body.read(_READ_BYTES)
        if not data:
            return True
        received += len(data)
    return False
