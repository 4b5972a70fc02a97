"""Free ports on loopback, each allocated once."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from random import SystemRandom

# The ports that Linux gives to connections, and to sockets that leave the choice to it.
_CHOSEN_BY_THE_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _END = 10_000, 32_768
# Forked processes do not repeat each other's choices.
_random = SystemRandom()
_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on.

    A service binds it a while later. The kernel must not give it to another socket meanwhile: a
    Milvus server that finds its port taken listens on another one. So it is below the ports that
    the kernel chooses from. A process never allocates a port twice, and parallel test processes
    use disjoint sets of ports.
    """
    mine = range(_FIRST + _process(), _end(), _processes())
    with _lock:
        while (port := _random.choice(mine)) in _given or not _is_free(port):
            pass
        _given.add(port)
    return port


def _end() -> int:
    """Return the first port that the kernel chooses from, if that leaves enough below it."""
    try:
        return max(_END, int(_CHOSEN_BY_THE_KERNEL.read_text().split()[0]))
    except OSError:
        return _END


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A port in TIME_WAIT is free, too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _process() -> int:
    """Return the index of this process among the parallel test processes."""
    # A process that replaces a crashed one is numbered on from the last.
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _processes()


def _processes() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
