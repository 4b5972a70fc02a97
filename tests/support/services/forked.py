"""Processes forked from one that has imported the modules of a worker or an API."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent.parent


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


class Prefork:
    """Runs ``tests.support.prefork``, and asks it for processes.

    Args:
        kind: What is to be forked: ``worker`` or ``api``.
    """

    def __init__(self, kind: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.prefork", kind],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        atexit.register(self._process.communicate)

    def start(
        self,
        command: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        log: Path,
        netns: Path | None = None,
    ) -> Forked:
        """Run a command, ``python -m`` with a module, with its output appended to a file."""
        _, _, module, *arguments = command
        request = {
            "module": module,
            "arguments": arguments,
            "folder": str(folder),
            "environ": dict(environ),
            "log": str(log),
            "netns": netns and str(netns),
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(f"{json.dumps(request)}\n")
            stdin.flush()
            return Forked(int(stdout.readline()))


@cache
def prefork(kind: str) -> Prefork:
    """Return the one of this process and kind, started at first use."""
    return Prefork(kind)
