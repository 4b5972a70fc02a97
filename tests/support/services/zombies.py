"""Workers that freeze or die at stages of their work, and are woken when others have done it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.polling import wait_for
from tests.support.services.glimpse import GlimpseProcess

# Seconds within which a worker gets to its stage, and goes on from it to the end of its task.
_WAIT_S = 60

# Linux's letters for a process that is gone, and for one that has halted.
_GONE = "XZ"
_HALTED_STATES = _GONE + "T"

# What a worker writes when it halts.
_HALTED = re.compile(r"zombie\.(?:freeze|die) stage=(\w+) pid=(\d+)")


class Zombies(GlimpseProcess):
    """Workers of ``tests.support.zombies``, each of which halts once.

    Each has one thread, and so is at one task when it halts; none takes over what
    another had in hand.

    Args:
        folder: Where their log is kept.
        settings: Their ``GLIMPSE_*`` variables.
        queue: The queue that they consume.
        deeds: For each worker what it does and at which stage: ``freeze:written``.
    """

    name = "zombies"
    start_s = 180.0

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, deeds: Sequence[str]
    ) -> None:
        lonely = {
            "GLIMPSE_WORKER_THREADS": "1",
            "GLIMPSE_SEARCH_THREADS": "1",
            "GLIMPSE_LEASE_SWEEP_S": "3600",
            # A chunk that fills a batch goes into one, and so is at one stage.
            "GLIMPSE_BATCH_WAIT_MS": "1000",
        }
        super().__init__(folder, {**settings, **lonely})
        self._queue = queue
        self._deeds = list(deeds)
        # Of those that have halted, how many a test was told of.
        self._seen = 0

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.support.zombies", self._queue, *self._deeds]

    def answers(self) -> bool:
        return self.log.read_text().count(" ready.") >= len(self._deeds)

    def stop(self) -> None:
        """End them in order; by force where one is frozen and would not hear of it."""
        if self.running and self._frozen():
            self.kill()
        super().stop()

    def halted(self) -> list[str]:
        """Return the stages of the workers that have frozen or died, in that order."""
        return [stage for stage, pid in self._halts() if _state(pid) in _HALTED_STATES]

    def next_stage(self) -> str:
        """Return the stage of one more worker once it has halted."""
        wait_for(lambda: len(self.halted()) > self._seen, _WAIT_S, "a worker to halt")
        self._seen += 1
        return self.halted()[self._seen - 1]

    def wake(self) -> None:
        """Let all that are frozen go on, and return when they are done with their tasks."""
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
        """Return how many tasks a worker has done."""
        return self.log.read_text().count(f"zombie.idle pid={pid}\n")

    def _halts(self) -> list[tuple[str, int]]:
        return [(stage, int(pid)) for stage, pid in _HALTED.findall(self.log.read_text())]


def _state(pid: int) -> str:
    """Return the state of a process as Linux names it by a letter; X where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
