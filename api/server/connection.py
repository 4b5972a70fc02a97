"""The connection of a request, as gunicorn shows it to an application."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any


def connection_of(environ: Mapping[str, Any]) -> socket.socket | None:
    """Return the socket of a request, or None under a server that does not show it.

    Args:
        environ: WSGI's environment.
    """
    connection: socket.socket | None = environ.get("gunicorn.socket")
    return connection


def is_closed_by_client(environ: Mapping[str, Any]) -> bool:
    """Tell whether the client of a request has closed its connection, as far as can be known.

    Args:
        environ: WSGI's environment.
    """
    connection = connection_of(environ)
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ValueError:
        # A TLS socket cannot be peeked into; there the heartbeats find out.
        return False
    except OSError:
        return True
