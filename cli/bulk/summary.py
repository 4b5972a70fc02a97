"""What became of an upload, in numbers and by name."""

from __future__ import annotations

from dataclasses import dataclass

from glimpse_client.answers import Item, Job


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of an upload: each of its files counts once."""

    jobs: list[Job]
    # Every image that failed; those that were never sent have no id.
    failures: list[Item]
    # Pictures that were not sent because the server knew them.
    known: int
    # Pictures that were not sent because another one with their bytes was.
    copies: int
    # Pictures and archives that the server accepted.
    sent: int
    seconds: float

    @property
    def indexed(self) -> int:
        """Images that are searchable now and were not before."""
        return sum(job.indexed for job in self.jobs)

    @property
    def duplicates(self) -> int:
        """Images that were searchable before, and further files with the same bytes."""
        return self.known + self.copies + sum(job.duplicates for job in self.jobs)

    @property
    def cancelled(self) -> int:
        """Images that somebody called off."""
        return sum(job.cancelled for job in self.jobs)

    @property
    def failed(self) -> int:
        """Images that could not be read, sent or indexed."""
        return len(self.failures)
