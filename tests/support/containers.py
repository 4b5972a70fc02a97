"""Containers as processes: their command lines, environments and probes, without an engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.services import Service

ROOT = Path(__file__).parent.parent.parent
# Seconds between two probes: each is a process, and slows down the one that it waits for.
_PAUSE_S = 0.5


def compose() -> dict[str, Any]:
    """Parse docker-compose.yml as Compose does without variables set: each takes its default."""
    text = (ROOT / "docker-compose.yml").read_text()
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    assert "${" not in text
    parsed: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return parsed


@dataclass(frozen=True)
class Image:
    """A Dockerfile of ours; its last stage is the image."""

    dockerfile: str

    @property
    def text(self) -> str:
        """The whole file."""
        return (ROOT / self.dockerfile).read_text()

    @property
    def stage(self) -> str:
        """The last stage."""
        return "FROM " + self.text.split("\nFROM ")[-1]

    def instruction(self, name: str) -> list[str]:
        """Return an instruction's arguments from its JSON form; empty if it has none."""
        found = re.search(rf"^{name} (\[.*\])$", self.stage, re.MULTILINE)
        return json.loads(found[1]) if found else []

    def command(self, arguments: Sequence[str] | None) -> list[str]:
        """Return the command line of a container with these arguments, or the default ones."""
        return [*self.instruction("ENTRYPOINT"), *(arguments or self.instruction("CMD"))]


API, WORKER = Image("docker/api.Dockerfile"), Image("docker/worker.Dockerfile")


class Container(Service):
    """A container's process; it answers once its probe succeeds.

    Its home is an empty folder, in which nothing may be written: that of the image is read-only.

    Args:
        folder: Folder for the process's log and home.
        command: The command line in the container.
        environment: The variables that the container gets.
        probe: The command line of its health check, or of its readiness probe.
        places: Hosts, folders and ports in the container, mapped to their local counterparts.
    """

    name = "container"
    start_s = 90.0
    stop_s = 40.0

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, object],
        probe: Sequence[str],
        places: Mapping[str, str],
    ) -> None:
        super().__init__(folder)
        self._command = command
        self._environment = environment
        self._probe = probe
        self._places = places
        self.home = folder / "home"
        self.home.mkdir()

    def command(self) -> list[str]:
        return self._here(self._command)

    def environ(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # A shorter heartbeat interval, so that the tests need not wait.
        own = {"PATH": programs, "PYTHONPATH": str(ROOT), "GLIMPSE_HEARTBEAT_S": "0.5"}
        own |= {"HOME": str(self.home)}
        given = dict(zip(self._environment, self._here(self._environment.values()), strict=True))
        return own | given

    def answers(self) -> bool:
        if self.run(self._probe).returncode == 0:
            return True
        time.sleep(_PAUSE_S)
        return False

    def run(self, command: Sequence[str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, or the container's own until it ends."""
        return subprocess.run(
            self._here(command or self._command),
            env={**os.environ, **self.environ()},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def _here(self, words: Iterable[object]) -> list[str]:
        return [self._place(str(word)) for word in words]

    def _place(self, word: str) -> str:
        for there, here in self._places.items():
            word = word.replace(there, here)
        return word
