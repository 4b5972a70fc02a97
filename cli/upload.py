"""Bulk upload: files become requests, requests become jobs, and jobs come to an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli.answers import Item, Job
from cli.client import Client
from cli.pictures import Picture, Unreadable, requests

# Seconds between two looks at the jobs.
_POLL_S = 0.5
# Code of a file that never reached the server.
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of an upload."""

    jobs: list[Job]
    # Every image that failed; those that were never sent have no id.
    failures: list[Item]
    seconds: float

    @property
    def indexed(self) -> int:
        """Images that are searchable now and were not before."""
        return sum(job.indexed for job in self.jobs)

    @property
    def duplicates(self) -> int:
        """Images that were searchable before."""
        return sum(job.duplicates for job in self.jobs)

    @property
    def cancelled(self) -> int:
        """Images that somebody called off."""
        return sum(job.cancelled for job in self.jobs)

    @property
    def failed(self) -> int:
        """Images that could not be read, sent or indexed."""
        return len(self.failures)


@dataclass
class Upload:
    """One bulk upload, step by step.

    Args:
        client: The server's.
        on_sent: Told how many files each request took, unreadable ones included.
        on_done: Told how many images have an outcome, and how many were accepted.
    """

    client: Client
    on_sent: Callable[[int], None]
    on_done: Callable[[int, int], None]
    _jobs: dict[str, Job] = field(default_factory=dict)
    _looked: float = 0.0

    def run(self, pictures: Sequence[Picture]) -> Summary:
        """Send all pictures and return when all their jobs have ended."""
        began = time.monotonic()
        unreadable: list[Unreadable] = []
        self._send(pictures, unreadable)
        while not all(job.ended for job in self._jobs.values()):
            time.sleep(_POLL_S)
            self._look()
        return Summary(
            jobs=list(self._jobs.values()),
            failures=[_never_sent(file) for file in unreadable] + self._failures(),
            seconds=time.monotonic() - began,
        )

    def _send(self, pictures: Sequence[Picture], unreadable: list[Unreadable]) -> None:
        sent = 0
        for batch in requests(pictures, unreadable):
            job = self.client.upload(batch)
            self._jobs[job.id] = job
            sent += len(batch)
            self.on_sent(sent + len(unreadable))
            if time.monotonic() - self._looked > _POLL_S:
                self._look()
        self.on_sent(sent + len(unreadable))
        self._look()

    def _look(self) -> None:
        """Ask after the jobs; they go in order, so none behind one that waits has begun."""
        for job in [job for job in self._jobs.values() if not job.ended]:
            current = self._jobs[job.id] = self.client.job(job.id)
            if current.state == "queued":
                break
        self._looked = time.monotonic()
        jobs = self._jobs.values()
        self.on_done(sum(job.done for job in jobs), sum(job.total for job in jobs))

    def _failures(self) -> list[Item]:
        failed = (job.id for job in self._jobs.values() if job.failed)
        return [item for job_id in failed for item in self.client.failures(job_id)]


def _never_sent(file: Unreadable) -> Item:
    name = file.picture.name
    return Item(id="", filename=name, state="failed", code=UNREADABLE, detail=file.reason)
