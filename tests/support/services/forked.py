"""Processes forked from one that has imported the modules of a worker, an API or a command."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_ROOT = Path(__file__).parent.parent.parent.parent
_STAND_IN = _ROOT / "tests" / "support" / "stand_in.py"
# Variable with the folder of the sockets; its name ends with the process that they serve.
_SOCKETS = "TEST_PREFORK_SOCKETS"
_lock = threading.Lock()


class Forked:
    """A process that another one forked, with the methods of ``Popen`` that a service needs.

    Args:
        pid: Its process id.
        connection: File descriptor of a socket that receives its exit status.
    """

    def __init__(self, pid: int, connection: int) -> None:
        self.pid = pid
        self._connection = connection
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return None while it runs, and then its exit status."""
        return self._status_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit status.

        Raises:
            TimeoutExpired: It did not end in time.
        """
        status = self._status_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def _status_within(self, timeout_s: float | None) -> int | None:
        if self._status is None and select.select([self._connection], [], [], timeout_s)[0]:
            with os.fdopen(self._connection, "rb") as stream:
                self._status = _number(stream, "status")
        return self._status


def _number(stream: BinaryIO, name: str) -> int:
    """Read a line with a name and a number.

    Raises:
        ValueError: It has another name, or what forks has ended.
    """
    return int(stream.readline().removeprefix(f"{name} ".encode()))


def are_shared() -> bool:
    """Return whether a process that started this one has called ``share_preforks``."""
    return _SOCKETS in os.environ


def share_preforks() -> Path:
    """Return the folder of the sockets that this process and those that it starts fork from.

    The first caller makes it; what is forked from ends with that process.
    """
    with _lock:
        if not are_shared():
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
    errors: Path | None = None,
) -> Forked:
    """Run a command, ``python -m`` with a module, with its output appended to a file.

    Args:
        kind: What it is forked from: a key of ``prefork``, such as ``worker``.
        command: The command.
        folder: Its working directory.
        environ: All of its variables.
        log: The file.
        netns: The network namespace that it runs in, if not in this one.
        errors: The file that receives its stderr, if not the same one.
    """
    _, _, module, *arguments = command
    if kind == "cli":
        # Commands start it.
        stand_in()
    request = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environ": dict(environ),
        "input": os.devnull,
        "log": str(log),
        "errors": str(errors or log),
        "netns": netns and str(netns),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_listening(kind)))
        connection.sendall(f"{json.dumps(request)}\n".encode())
        # Unbuffered, since the status may be there already.
        with connection.makefile("rb", buffering=0) as stream:
            pid = _number(stream, "pid")
        return Forked(pid, connection.detach())


def run_command(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command of `glimpse` to its end, forked from a process that has imported it.

    Args:
        command: The command, ``python -m cli`` with arguments.
        folder: Its working directory.
        environ: All of its variables.
        timeout_s: Seconds after which it is killed.

    Raises:
        TimeoutExpired: It did not end in time.
    """
    with tempfile.TemporaryDirectory() as made:
        out, errors = Path(made) / "out", Path(made) / "errors"
        process = fork("cli", command, folder, environ, out, errors=errors)
        try:
            status = process.wait(timeout_s)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess(command, status, out.read_text(), errors.read_text())


def stand_in() -> Path:
    """Return a program that takes Python's place for Glimpse's own programs, and has them forked.

    See ``tests.support.stand_in``.
    """
    for kind in ("worker", "api", "cli"):
        _listening(kind)
    path = share_preforks() / "python"
    with _locked("python"):
        if not path.exists():
            command = shlex.join([sys.executable, "-IS", str(_STAND_IN), str(path.parent)])
            path.write_text(f'#!/bin/sh\nexec {command} {shlex.quote(sys.executable)} "$@"\n')
            path.chmod(0o700)
    return path


def stand_in_for_benchmarks() -> Path:
    """Return a program like ``stand_in``'s, which has benchmarks forked, too."""
    _listening("benchmark")
    return stand_in()


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Let one process at a time make a thing that they share."""
    with (share_preforks() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _listening(kind: str) -> Path:
    """Return the socket of what is forked from, started at first use by any process."""
    folder = share_preforks()
    path = folder / kind
    with _locked(kind):
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
