"""The summary of a bulk upload."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from glimpse_client.answers import Item, Job


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a bulk upload; each file counts once."""

    jobs: list[Job]
    # All failed images; images that were never sent have no ID.
    failures: list[Item]
    # Pictures not sent because the server already had them.
    known: int
    # Pictures not sent because another file has the same bytes.
    copies: int
    # Pictures and archives accepted by the server.
    sent: int
    seconds: float

    @property
    def indexed(self) -> int:
        """The number of newly indexed images."""
        return sum(job.indexed for job in self.jobs)

    @property
    def duplicates(self) -> int:
        """The number of images already indexed, and of further files with the same bytes."""
        return self.known + self.copies + sum(job.duplicates for job in self.jobs)

    @property
    def changed(self) -> int:
        """The number of images already indexed that got new tags, metadata or names."""
        return sum(job.changed + job.modified for job in self.jobs)

    @property
    def cancelled(self) -> int:
        """The number of cancelled images."""
        return sum(job.cancelled for job in self.jobs)

    @property
    def is_cancelled(self) -> bool:
        """Whether a job was cancelled; then some files may never have been sent."""
        return any(job.state == "cancelled" for job in self.jobs)

    @property
    def skipped(self) -> Counter[str]:
        """What the archives contained besides pictures: numbers of files by kind."""
        total: Counter[str] = Counter()
        for job in self.jobs:
            total.update(job.skipped)
        return total

    @property
    def failed(self) -> int:
        """The number of images that could not be read, sent or indexed."""
        return len(self.failures)
