"""Workers that freeze or die at stages of their work, and that a test can resume."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.polling import wait_for
from tests.support.services.glimpse import GlimpseProcess

# Seconds for a worker to reach its stage, and to finish its task after resuming.
_WAIT_S = 60

# Linux's state letters of ended processes, and of ended or stopped ones.
_GONE = "XZ"
_HALTED_STATES = _GONE + "T"

# The log line of a worker that halts.
_HALTED = re.compile(r"zombie\.(?:freeze|die) stage=(\w+) pid=(\d+)")


class Zombies(GlimpseProcess):
    """Workers of ``tests.support.zombies``, each of which halts once.

    Each has a single thread, so it has only one task in progress when it halts. None takes
    over another's tasks.

    Args:
        folder: Folder of their log.
        settings: Their ``GLIMPSE_*`` variables.
        queue: The queue that they consume.
        deeds: The deed and stage of each worker, for example ``freeze:written``.
    """

    name = "zombies"
    forked_from = "worker"
    start_s = 180.0

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, deeds: Sequence[str]
    ) -> None:
        isolated = {
            "GLIMPSE_WORKER_THREADS": "1",
            "GLIMPSE_SEARCH_THREADS": "1",
            "GLIMPSE_LEASE_SWEEP_S": "3600",
            # Long enough for a whole chunk to go into one batch, and so be at one stage.
            "GLIMPSE_BATCH_WAIT_MS": "1000",
        }
        super().__init__(folder, {**settings, **isolated})
        self._queue = queue
        self._deeds = list(deeds)
        # Number of halts already returned by ``next_stage``.
        self._seen = 0

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.support.zombies", self._queue, *self._deeds]

    def answers(self) -> bool:
        return self.log.read_text().count(" ready.") >= len(self._deeds)

    def stop(self) -> None:
        """Stop the workers; kill them if one is frozen, which would ignore SIGTERM."""
        if self.running and self._frozen():
            self.kill()
        super().stop()

    def halted(self) -> list[str]:
        """Return the stages of the workers that have frozen or died, in order."""
        return [stage for stage, pid in self._halts() if _state(pid) in _HALTED_STATES]

    def next_stage(self) -> str:
        """Wait for another worker to halt; return its stage."""
        wait_for(lambda: len(self.halted()) > self._seen, _WAIT_S, "a worker to halt")
        self._seen += 1
        return self.halted()[self._seen - 1]

    def wake(self) -> None:
        """Resume all frozen workers and wait until they have finished their tasks."""
        done = {pid: self._tasks(pid) for pid in self._frozen()}
        self.resume()
        for pid in done:
            wait_for(
                lambda pid=pid: _state(pid) in _GONE or self._tasks(pid) > done[pid],
                _WAIT_S,
                "a zombie's task to end",
            )

    def _frozen(self) -> set[int]:
        return {pid for _, pid in self._halts() if _state(pid) == "T"}

    def _tasks(self, pid: int) -> int:
        """Return the number of tasks that a worker has finished."""
        return self.log.read_text().count(f"zombie.idle pid={pid}\n")

    def _halts(self) -> list[tuple[str, int]]:
        return [(stage, int(pid)) for stage, pid in _HALTED.findall(self.log.read_text())]


def _state(pid: int) -> str:
    """Return a process's state as Linux's letter; X if it no longer exists."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
