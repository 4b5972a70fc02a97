"""Free ports on loopback, each allocated once."""

from __future__ import annotations

import os
import socket
import threading

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on.

    The kernel may offer a port again before its service has bound it, so a process never
    allocates a port twice, and parallel test processes use disjoint sets of ports.
    """
    with _lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            # Linux offers only odd or only even ports, so distribute pairs of ports.
            if port not in _given and port // 2 % _processes() == _process():
                _given.add(port)
                return port


def _process() -> int:
    """Return the index of this process among the parallel test processes."""
    # A process that replaces a crashed one is numbered on from the last.
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _processes()


def _processes() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
