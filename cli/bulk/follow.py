"""Follows the jobs of an upload until all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from glimpse_client import Glimpse
from glimpse_client.answers import Job, Look

# Seconds between rounds of polls.
_ROUND_S = 1.0
# Maximum seconds between polls of a job that makes no progress.
_LOOK_S_MAX = 4.0
# Maximum number of unfinished jobs polled in a round: of a thousand jobs, most only wait.
_LOOKS_MAX = 8


def look_at(client: Glimpse, job_ids: Iterable[str]) -> list[Look]:
    """Poll jobs in order, until enough of them turn out to be unfinished.

    Jobs end in about the order in which they were created, so that few jobs after
    several unfinished ones have ended.
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
class _Followed:
    """The last known state of a job, and when to poll it again."""

    job: Job
    due_at: float
    pause_s: float


class FollowedJobs:
    """The jobs of an upload, with a schedule for polling them.

    Args:
        now: Returns a clock's time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # All jobs, and the unfinished ones, in order of creation.
        self._all: dict[str, _Followed] = {}
        self._unfinished: dict[str, _Followed] = {}
        self._round_at = now()

    @property
    def jobs(self) -> list[Job]:
        """The last known states of the jobs."""
        return [followed.job for followed in self._all.values()]

    @property
    def ended(self) -> bool:
        """Whether every job has ended."""
        return not self._unfinished

    @property
    def unfinished(self) -> list[str]:
        """The IDs of the jobs that have not ended, oldest first."""
        return list(self._unfinished)

    def count(self) -> tuple[int, int]:
        """Return the number of images in all jobs, and how many have an outcome."""
        jobs = self.jobs
        return sum(job.total for job in jobs), sum(job.done for job in jobs)

    def begin(self, look: Look) -> None:
        """Start to follow a job, unless it is followed already."""
        if look.job.id in self._all:
            return
        followed = _Followed(look.job, self._now() + look.pause_s, look.pause_s)
        self._all[look.job.id] = followed
        if not look.job.ended:
            self._unfinished[look.job.id] = followed

    def due(self) -> list[str]:
        """Return the IDs of the jobs to poll now, oldest first; none before the next round."""
        now = self._now()
        if now < self._round_at:
            return []
        self._round_at = now + _ROUND_S
        return [job_id for job_id, followed in self._unfinished.items() if followed.due_at <= now]

    def update(self, looks: Iterable[Look]) -> None:
        """Update the jobs with the results of a round."""
        for look in looks:
            followed = self._all[look.job.id]
            # Poll jobs without progress less often.
            longer = min(followed.pause_s * 2, _LOOK_S_MAX) if look.job == followed.job else 0.0
            followed.pause_s = max(look.pause_s, longer)
            followed.due_at = self._now() + followed.pause_s
            followed.job = look.job
            if look.job.ended:
                self._unfinished.pop(look.job.id, None)
