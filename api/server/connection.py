"""The client connection of a request, as exposed by gunicorn."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any


def connection_of(environ: Mapping[str, Any]) -> socket.socket | None:
    """Return the socket of a request, or None under a server that does not expose it.

    Args:
        environ: The WSGI environment.
    """
    connection: socket.socket | None = environ.get("gunicorn.socket")
    return connection


def is_closed_by_client(environ: Mapping[str, Any]) -> bool:
    """Return whether the client has closed the connection; False if that is unknown.

    Args:
        environ: The WSGI environment.
    """
    connection = connection_of(environ)
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ValueError:
        # TLS sockets do not support peeking; a failing heartbeat reveals the close instead.
        return False
    except OSError:
        return True
