"""`glimpse up`, as people run it, with a model that needs no weights."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import psutil

from tests.support.services.ports import free_port
from tests.support.services.process import Service

# Variable by which the processes of one run are told from all others.
_MARK = "TEST_RUN"


class GlimpseUp(Service):
    """The stack on one machine, by the command that starts it.

    Args:
        folder: Holds the data folder and the log.
        settings: ``GLIMPSE_`` variables beside the model's.
    """

    name = "glimpse up"
    start_s = 120.0
    stop_s = 60.0

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        self.data = folder / "data"
        # The address that it listens on.
        self.host = "127.0.0.1"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {"GLIMPSE_MODEL": "hashing", **(settings or {})}
        self._mark = uuid.uuid4().hex

    def command(self) -> list[str]:
        place = ["--data", str(self.data), "--host", self.host, "--port", str(self.port)]
        return [sys.executable, "-m", "cli.main", "up", *place]

    def environ(self) -> dict[str, str]:
        root = str(Path(__file__).parent.parent.parent.parent)
        return {"PYTHONPATH": root, "GLIMPSE_URL": self.url, _MARK: self._mark, **self._settings}

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def wait(self) -> int:
        """Return the exit status when it has ended by itself."""
        assert self._process is not None
        return self._process.wait(self.stop_s)

    def signal(self, number: int) -> None:
        """Send a signal to the command alone, not to what it started."""
        psutil.Process(self.pid).send_signal(number)

    def processes(self) -> list[psutil.Process]:
        """Return every process of this run that lives, whoever is its parent."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def part(self, command: str) -> psutil.Process:
        """Return the one process that runs a part; see ``runs``."""
        (found,) = self.runs(command)
        return found

    def runs(self, command: str) -> list[psutil.Process]:
        """Return the processes of this run with these words in their command line."""
        return [process for process in self.processes() if command in _words(process)]

    def glimpse(self, *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
        """Run another command of the command line against this stack.

        Args:
            arguments: The command and what belongs to it.
            url: Where the command finds the stack, if not at its own address.
        """
        with self.begin(*arguments, url=url) as process:
            try:
                out, err = process.communicate(timeout=self.start_s)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def begin(self, *arguments: str, url: str = "") -> subprocess.Popen[str]:
        """Begin another command; see ``glimpse``."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.folder,
            env={**psutil.Process().environ(), **self.environ(), "GLIMPSE_URL": url or self.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Valkey writes its title over its variables; its folder tells it.
            inside = Path(process.cwd()).is_relative_to(self.data)
            return inside or process.environ().get(_MARK) == self._mark
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _words(process: psutil.Process) -> str:
    """Return a process's program and command line; nothing if it ends meanwhile."""
    try:
        return " ".join([process.exe(), *process.cmdline()])
    except psutil.NoSuchProcess:
        return ""
