"""Free ports on loopback, none given out twice."""

from __future__ import annotations

import os
import socket
import threading

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on.

    The kernel may offer a port again before its service has bound it, so what
    was given out once in this process is never given out again; and processes
    of tests that run side by side each have ports of their own.
    """
    with _lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            # Linux offers odd or even ones only, so pairs are shared out.
            if port not in _given and port // 2 % _processes() == _process():
                _given.add(port)
                return port


def _process() -> int:
    """Return the number of this process among those that run tests side by side."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _processes() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
