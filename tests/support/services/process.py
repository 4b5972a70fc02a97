"""A real service, run as a process that a test may stop, kill and restart."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

from tests.support.services.forked import Forked, are_shared, fork

# Seconds between checks whether a service answers.
_POLL_S = 0.05
# Characters of a service's log to include in an error.
_LOG_CHARACTERS = 2000


class ServiceNotStarted(RuntimeError):
    """A service ended or did not answer during startup; the message ends with its log."""


class Service:
    """One process in its own process group, with fixed ports and a fixed folder.

    After a stop or kill, it can be restarted with the same data and ports.

    Args:
        folder: Folder of its data and log; created if missing.
    """

    # Name, for messages.
    name: ClassVar[str]
    # Seconds to wait for it to answer, on a busy machine.
    start_s: ClassVar[float] = 30.0
    # Seconds between SIGTERM and SIGKILL.
    stop_s: ClassVar[float] = 10.0
    # What it may be forked from, instead of started as a program; see ``prefork``.
    forked_from: str | None = None
    # Whether services are forked: in the tests and the scripts that these run, but not in
    # benchmarks, which measure programs.
    forks: ClassVar[bool] = are_shared()
    # The address that it listens on, and the network namespace that it runs in: None for that of
    # this process. See ``tests.support.network``.
    address: ClassVar[str] = "127.0.0.1"
    netns: ClassVar[Path | None] = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @classmethod
    def absent(cls) -> str | None:
        """Return why this service cannot run on this machine, or None if it can."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        """Return the variables to set in addition to those of this process."""
        return {}

    def answers(self) -> bool:
        """Return whether it is ready."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """The file that receives its output."""
        return self.folder / "output.log"

    @property
    def traceback(self) -> str:
        """Its log from the first traceback to the end; empty if there is none."""
        _, found, rest = self.log.read_text(errors="replace").partition("Traceback")
        return found + rest

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id, while it runs."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run.")
        return self._process.pid

    def start(self) -> Self:
        """Start the process and wait until it answers.

        Raises:
            ServiceNotStarted: It ended, or did not answer in time.
        """
        self._process = self._spawn()
        self._wait_until_it_answers()
        return self

    def stop(self) -> None:
        """Terminate it, and kill it after ``stop_s``; does nothing if it is not running."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.stop_s)
        self.kill()

    def kill(self) -> None:
        """Kill it, as by `kill -9`, with every process in its group."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def suspend(self) -> None:
        """Suspend it: connections stay open but get no response."""
        self._signal(signal.SIGSTOP)
        # The signal takes effect with a delay; until then it would still respond.
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(_POLL_S)

    def resume(self) -> None:
        """Resume a suspended service."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes] | Forked:
        command, environ = self.command(), {**os.environ, **self.environ()}
        if self.forks and self.forked_from:
            return fork(self.forked_from, command, self.folder, environ, self.log, self.netns)
        if self.netns:
            command = ["nsenter", f"--net={self.netns}", *command]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.start_s
        while time.monotonic() < deadline:
            if not self.running:
                raise self._not_started("ended while it was to start")
            if self.answers():
                return
            time.sleep(_POLL_S)
        raise self._not_started(f"did not answer within {self.start_s:g} s")

    def _not_started(self, what: str) -> ServiceNotStarted:
        self.kill()
        tail = self.log.read_text(errors="replace")[-_LOG_CHARACTERS:]
        return ServiceNotStarted(f"{self.name} {what}. Its log ends:\n{tail}")

    def _signal(self, number: signal.Signals) -> None:
        # Signal the group, since a service may have child processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
