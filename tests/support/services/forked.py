"""Processes forked from one that has imported the modules of a worker or an API."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent.parent
# Variable with the folder of the sockets; its name ends with the process that they serve.
_SOCKETS = "TEST_PREFORK_SOCKETS"
_lock = threading.Lock()


class Forked:
    """A process that another one forked, with the methods of ``Popen`` that a service needs.

    Args:
        pid: Its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._alive: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._alive = None

    def poll(self) -> int | None:
        """Return None while it runs; its exit status is not known."""
        return 0 if self._ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutExpired: It did not end in time.
        """
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def _ended(self, timeout_s: float | None) -> bool:
        if self._alive is not None and select.select([self._alive], [], [], timeout_s)[0]:
            os.close(self._alive)
            self._alive = None
        return self._alive is None


def share_preforks() -> Path:
    """Return the folder of the sockets that this process and those that it starts fork from.

    The first caller makes it; what is forked from ends with that process.
    """
    with _lock:
        if _SOCKETS not in os.environ:
            folder = os.environ[_SOCKETS] = tempfile.mkdtemp(suffix=f"-{os.getpid()}")
            atexit.register(shutil.rmtree, folder)
    return Path(os.environ[_SOCKETS])


def fork(
    kind: str,
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    log: Path,
    netns: Path | None = None,
) -> Forked:
    """Run a command, ``python -m`` with a module, with its output appended to a file.

    Args:
        kind: What it is forked from: ``worker`` or ``api``.
        command: The command.
        folder: Its working directory.
        environ: All of its variables.
        log: The file.
        netns: The network namespace that it runs in, if not in this one.
    """
    _, _, module, *arguments = command
    request = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environ": dict(environ),
        "log": str(log),
        "netns": netns and str(netns),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_listening(kind)))
        with connection.makefile("rw") as stream:
            stream.write(f"{json.dumps(request)}\n")
            stream.flush()
            return Forked(int(stream.readline()))


def _listening(kind: str) -> Path:
    """Return the socket of what is forked from, started at first use by any process."""
    folder = share_preforks()
    path = folder / kind
    with (folder / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            owner = folder.name.rpartition("-")[2]
            with (folder / f"{kind}.log").open("wb") as log:
                subprocess.run(
                    [sys.executable, "-m", "tests.support.prefork", kind, str(path), owner],
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    check=True,
                )
    return path
