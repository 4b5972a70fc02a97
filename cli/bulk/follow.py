"""Jobs that were begun, watched until all of them have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from glimpse_client import Glimpse
from glimpse_client.answers import Job, Look

# Seconds between two rounds of looks.
_ROUND_S = 1.0
# Longest time to the next look at a job in which nothing happens, in seconds.
_LOOK_S_MAX = 4.0
# Looks at unfinished jobs in one round, at most: of a thousand, all but a few only wait.
_LOOKS_MAX = 8


def look_at(client: Glimpse, job_ids: Iterable[str]) -> list[Look]:
    """Ask after jobs in turn, until enough of them are unfinished.

    Jobs are done in about the order in which they were begun, so behind some
    that are unfinished few have ended.
    """
    looks: list[Look] = []
    unfinished = 0
    for job_id in job_ids:
        looks.append(client.look(job_id))
        unfinished += not looks[-1].job.ended
        if unfinished == _LOOKS_MAX:
            break
    return looks


@dataclass(slots=True)
class _Watched:
    """A job as it was last seen, and when to look at it again."""

    job: Job
    due_at: float
    pause_s: float


class Following:
    """All jobs of an upload, and which of them to look at when.

    Args:
        now: Returns the seconds of a clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # All jobs and the unfinished ones of them, in the order in which they were begun.
        self._all: dict[str, _Watched] = {}
        self._unfinished: dict[str, _Watched] = {}
        self._round_at = now()

    @property
    def jobs(self) -> list[Job]:
        """The jobs as they were last seen."""
        return [watched.job for watched in self._all.values()]

    @property
    def ended(self) -> bool:
        """Whether every job has ended."""
        return not self._unfinished

    def count(self) -> tuple[int, int]:
        """Return how many images there are in all jobs, and how many of them have an outcome."""
        jobs = self.jobs
        return sum(job.total for job in jobs), sum(job.done for job in jobs)

    def begin(self, look: Look) -> None:
        """Take in a job that was just begun."""
        watched = _Watched(look.job, self._now() + look.pause_s, look.pause_s)
        self._all[look.job.id] = watched
        if not look.job.ended:
            self._unfinished[look.job.id] = watched

    def due(self) -> list[str]:
        """Return the jobs of the next round, oldest first; none if it is not time for one."""
        now = self._now()
        if now < self._round_at:
            return []
        self._round_at = now + _ROUND_S
        return [job_id for job_id, watched in self._unfinished.items() if watched.due_at <= now]

    def note(self, looks: Iterable[Look]) -> None:
        """Take in what was seen in a round."""
        for look in looks:
            watched = self._all[look.job.id]
            # Where nothing happens others are looked at first.
            longer = min(watched.pause_s * 2, _LOOK_S_MAX) if look.job == watched.job else 0.0
            watched.pause_s = max(look.pause_s, longer)
            watched.due_at = self._now() + watched.pause_s
            watched.job = look.job
            if look.job.ended:
                self._unfinished.pop(look.job.id, None)
