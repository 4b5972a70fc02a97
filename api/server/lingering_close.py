"""Bodies that a refusal left unread: received and dropped, so that the refusal is seen.

A server that closes a connection while the client still sends makes the
client's kernel drop what came last: the answer. Most clients send all of a body
before they look for one.
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

# What is received of a body that nobody wants, at most: bytes, and seconds of a thread's time.
_BYTES_MAX = 64 * 1024**2
_SECONDS_MAX = 10.0
# Seconds without a byte after which a client counts as one that sends no more.
_SILENCE_S = 2.0
# Bytes read at a time.
_READ_BYTES = 64 * 1024
# Status of the first answer that is no success, and of the one to a body that is not waited for.
_REFUSED = 400
_LATE = 408


def install(app: Flask) -> None:
    """Receive what is left of a request's body once its refusal has been sent.

    The answer goes first: a client that looks for it while it sends stops there.
    """

    @app.after_request
    def receive_later(response: Response) -> Response:
        # Only a server that marks the end of the body can be read from without knowing it.
        is_read_on = response.status_code >= _REFUSED and response.status_code != _LATE
        if is_read_on and request.environ.get("wsgi.input_terminated"):
            response.call_on_close(partial(_receive, request.environ))
        return response


def _receive(environ: dict[str, Any]) -> None:
    connection = connection_of(environ)
    try:
        whole = _receive_rest(environ["wsgi.input"], connection)
    except Exception as error:
        # The answer is out; whatever breaks here ends the connection and nothing else.
        log.debug("api.unread_lost %s", error)
        whole = False
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)
            if not whole:
                # gunicorn would wait for the client to close, in the thread that accepts all.
                connection.shutdown(socket.SHUT_RDWR)


def _receive_rest(body: Any, connection: socket.socket | None) -> bool:
    """Read a body to its end; return False where that is too far."""
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
