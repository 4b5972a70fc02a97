"""A real part of the system, run as a process that a test may stop, kill and start again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

# Seconds between two looks whether a service answers yet.
_POLL_S = 0.05
# Characters of a service's log that an error shows.
_LOG_CHARACTERS = 2000


class ServiceNotStarted(RuntimeError):
    """A service ended or stayed silent while it was to start; its log's end is shown."""


class Service:
    """One process in a group of its own, on ports and a folder that it keeps.

    Stopped or killed, it can be started again and finds its data and its ports.

    Args:
        folder: Where its data and its log are kept; made if it is not there.
    """

    # What people call it, for messages.
    name: ClassVar[str]
    # Seconds it may take until it answers, on a busy machine.
    start_s: ClassVar[float] = 30.0
    # Seconds it may take to end after SIGTERM before it is killed.
    stop_s: ClassVar[float] = 10.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def absent(cls) -> str | None:
        """Return why this part cannot be started on this machine, or None if it can."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        """Return the variables to set beside those of this process."""
        return {}

    def answers(self) -> bool:
        """Return whether it does its work by now."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """The file that takes its output."""
        return self.folder / "output.log"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Number of its process, for as long as it runs."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run.")
        return self._process.pid

    def start(self) -> Self:
        """Run it and return when it answers.

        Raises:
            ServiceNotStarted: It ended, or did not answer in time.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environ()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_answers()
        return self

    def stop(self) -> None:
        """End it in its own way, or by force if it does not; nothing if it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.stop_s)
        self.kill()

    def kill(self) -> None:
        """End it at once, as `kill -9` does, with every process that it started."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def suspend(self) -> None:
        """Make it hang: its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)
        # The signal takes effect a moment after it is sent; until then it would still answer.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def resume(self) -> None:
        """Let a suspended service go on."""
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
        # The group, for a service may have started processes of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
