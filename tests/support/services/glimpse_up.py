"""The command `glimpse up`, with a model that needs no weights."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import psutil

from tests.support.plain_http import PLAIN
from tests.support.services.forked import run_command
from tests.support.services.ports import free_port
from tests.support.services.process import Service

# Environment variable that identifies the processes of one run.
_MARK = "TEST_RUN"


class GlimpseUp(Service):
    """The stack on one machine, started by `glimpse up`.

    Args:
        folder: Contains the data folder and the log.
        settings: ``GLIMPSE_`` variables in addition to the model's.
        forked: Whether the tests may fork it and its parts, instead of starting the programs. Then
            ``processes`` has a stand-in for each part; see ``tests.support.stand_in``.
    """

    name = "glimpse up"
    forked_from = "cli"
    start_s = 120.0
    stop_s = 60.0

    def __init__(
        self, folder: Path, settings: dict[str, str] | None = None, *, forked: bool = True
    ) -> None:
        super().__init__(folder)
        if not forked:
            self.forked_from = None
        self.data = folder / "data"
        # The address to listen on.
        self.host = "127.0.0.1"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {"GLIMPSE_MODEL": "hashing", **(settings or {})}
        self._mark = uuid.uuid4().hex

    def command(self) -> list[str]:
        options = ["--data", str(self.data), "--host", self.host, "--port", str(self.port)]
        return [sys.executable, "-m", "cli", "up", *options]

    def environ(self) -> dict[str, str]:
        root = str(Path(__file__).parent.parent.parent.parent)
        return {"PYTHONPATH": root, "GLIMPSE_URL": self.url, _MARK: self._mark, **self._settings}

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz?for=all", **PLAIN).is_success
        except httpx.TransportError:
            return False

    def wait(self) -> int:
        """Wait for the command to exit on its own; return its exit status."""
        assert self._process is not None
        return self._process.wait(self.stop_s)

    def signal(self, number: int) -> None:
        """Send a signal to the command alone, not to its child processes."""
        psutil.Process(self.pid).send_signal(number)

    def processes(self) -> list[psutil.Process]:
        """Return every live process of this run, whatever its parent."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def part(self, command: str) -> psutil.Process:
        """Return the only process that runs a part; see ``runs``."""
        (found,) = self.runs(command)
        return found

    def runs(self, command: str) -> list[psutil.Process]:
        """Return the processes of this run with these words in their command line."""
        return [process for process in self.processes() if command in _words(process)]

    def glimpse(self, *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
        """Run another `glimpse` command against this stack.

        Args:
            arguments: The command and its arguments.
            url: URL of the stack, if not its own address.
        """
        if self.forks:
            command, environ = self._command_of(arguments, url)
            return run_command(command, self.folder, environ, self.start_s)
        with self.begin(*arguments, url=url) as process:
            try:
                out, err = process.communicate(timeout=self.start_s)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def begin(self, *arguments: str, url: str = "") -> subprocess.Popen[str]:
        """Start the program of another command; see ``glimpse``."""
        command, environ = self._command_of(arguments, url)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command_of(self, arguments: tuple[str, ...], url: str) -> tuple[list[str], dict[str, str]]:
        """Return the command line and all variables of another command."""
        environ = {**psutil.Process().environ(), **self.environ(), "GLIMPSE_URL": url or self.url}
        return [sys.executable, "-m", "cli", *arguments], environ

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Valkey's process title overwrites its environment; identify it by its folder.
            inside = Path(process.cwd()).is_relative_to(self.data)
            return inside or process.environ().get(_MARK) == self._mark
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _words(process: psutil.Process) -> str:
    """Return a process's program and command line, or an empty string if it has ended."""
    try:
        return " ".join([process.exe(), *process.cmdline()])
    except psutil.NoSuchProcess:
        return ""
