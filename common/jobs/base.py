"""What a job is, and what every place that keeps job records offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from common.contract import MetadataValue, Outcome, OutcomeState

JobState = Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]

# States of a job that no longer changes.
FINAL_STATES: frozenset[JobState] = frozenset({"succeeded", "partial", "failed", "cancelled"})

ItemState = Literal["queued", "indexed", "duplicate", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job's counters and times; its state follows from them.

    All of its times are of one clock, Redis's, whoever wrote them.
    """

    id: str
    tenant: str
    total: int
    # Seconds since 1970.
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    indexed: int = 0
    duplicates: int = 0
    failed: int = 0
    cancelled: int = 0
    # Whether more images may join it: an archive is still being unpacked.
    growing: bool = False
    # Whether it was cancelled while it grew, so that some of its images were never listed.
    cut_short: bool = False
    # The task that makes it grow, as JSON, so that a task that was lost can be sent again.
    source: str | None = None
    # What is kept beside each of its images.
    tags: Sequence[str] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Number of images that have an outcome."""
        return self.indexed + self.duplicates + self.failed + self.cancelled

    @property
    def state(self) -> JobState:
        """Where the job stands, derived from its counters."""
        if self.growing or self.done < self.total:
            return "queued" if self.started_at is None else "running"
        if self.cancelled or self.cut_short:
            return "cancelled"
        if not self.failed:
            return "succeeded"
        return "failed" if self.failed == self.total else "partial"

    def rate_per_s(self, now: float) -> float | None:
        """Return images done a second since the first was begun, or None before that."""
        if self.started_at is None:
            return None
        return self.done / max((self.finished_at or now) - self.started_at, 1e-3)

    def eta_s(self, now: float) -> float | None:
        """Return the seconds that the rest will take at the rate so far, or None.

        Of a job that grows nobody knows the rest.
        """
        if self.growing:
            return None
        rate = self.rate_per_s(now)
        return (self.total - self.done) / rate if rate else None


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a job and where it stands."""

    index: int
    id: str
    filename: str
    state: ItemState = "queued"
    code: str | None = None
    detail: str | None = None


class JobRecords(Protocol):
    """Where job records are kept; every method raises ``BrokerUnavailable``."""

    def ping(self) -> None:
        """Return when the place answers."""
        ...

    def create(self, job: Job, items: Sequence[tuple[str, str]]) -> None:
        """Write a new record with the id and file name of each of its images.

        Until ``accept`` the record lasts only a short while: a job whose tasks
        were never sent in full leaves nothing behind.
        """
        ...

    def accept(self, job_id: str) -> Job:
        """Keep the record for good: all tasks of the job are in the queue.

        Returns:
            The job as it then stands.

        Raises:
            NotFound: As ``get``.
        """
        ...

    def is_accepted(self, job_id: str) -> bool:
        """Tell whether there is such a job, and all of its tasks were sent."""
        ...

    def extend(self, job_id: str, start: int, items: Sequence[tuple[str, str]]) -> int:
        """Add images to a growing job, the first at index ``start``; return how many were new.

        A task that is run again adds again what it added: each index is taken
        once. Does nothing when the record has expired or grows no more.
        """
        ...

    def complete(self, job_id: str) -> None:
        """Let a growing job grow no more; it ends when all of its images have."""
        ...

    def stalled(self, unchanged_s: float) -> list[str]:
        """Return the ids of accepted jobs that have not ended and did not change lately.

        Args:
            unchanged_s: More seconds than this have passed since the last change.
        """
        ...

    def oldest_unfinished(self) -> float | None:
        """Return when the oldest accepted job was created that has not ended; None without one.

        In seconds since 1970. A job whose record has expired may be counted for a while.
        """
        ...

    def pending(self) -> int:
        """Return how many accepted images have no outcome yet, of all jobs together."""
        ...

    def recount(self) -> None:
        """Make ``pending`` right again, whatever expired or was lost."""
        ...

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFound: The id was never issued, or its record has expired.
        """
        ...

    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Job], str | None]:
        """Return up to ``limit`` accepted jobs of a tenant, the newest first, and where to go on.

        With a state a page may be short, or empty, and more may follow: only so many
        jobs are looked at for one page.

        Args:
            tenant: Whose jobs.
            state: Only jobs that stand so.
            limit: Jobs in the page, at most.
            cursor: What the page before returned; None for the first.
        """
        ...

    def trim(self) -> None:
        """Strike jobs whose records have expired off the lists that ``page`` reads."""
        ...

    def begin(self, job_id: str, indices: Sequence[int]) -> bool:
        """Note that a worker begins with these images, unless the job was cancelled.

        Returns:
            False where the job was cancelled: nothing of it is to be begun, and
            the caller records the images as cancelled. True otherwise, also for
            a job whose record has expired, and however often it is called.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Cancel what no worker has begun; what is begun goes on to its outcome.

        A growing job grows no more.

        Raises:
            NotFound: As ``get``.
        """
        ...

    def record(self, job_id: str, outcomes: Sequence[Outcome]) -> None:
        """Note what became of images; of several outcomes of one image the first counts.

        A redelivered task may record again what is recorded: the sum of the
        counters never passes the total. Does nothing when the record has expired.
        """
        ...

    def outcomes(self, job_id: str, ids: Mapping[int, str]) -> dict[int, Outcome]:
        """Return what is recorded so far of images, by index; nothing of an expired job.

        Args:
            job_id: The job.
            ids: The images' ids by their indices.
        """
        ...

    def items(
        self, job_id: str, state: ItemState | None, limit: int, start: int = 0
    ) -> tuple[list[Item], int | None]:
        """Return up to ``limit`` items from index ``start``, and the index to go on from.

        Raises:
            NotFound: As ``get``.
        """
        ...


# Name of the counter that each outcome raises.
COUNTERS: dict[OutcomeState, str] = {
    "indexed": "indexed",
    "duplicate": "duplicates",
    "failed": "failed",
    "cancelled": "cancelled",
}
