"""A job, and the interface of job records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from common.broker.prepared import PreparedTask
from common.contract import MetadataValue, OnDuplicate, Outcome, OutcomeState
from common.errors import Conflict, JobCancelled, JobComplete, JobNotOpen
from common.read_marks.base import ReadMark

JobState = Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]

# States in which a job no longer changes.
FINAL_STATES: frozenset[JobState] = frozenset({"succeeded", "partial", "failed", "cancelled"})

ItemState = Literal[
    "queued", "indexed", "duplicate", "modified", "unchanged", "failed", "cancelled"
]

# What a job does: it indexes uploads, changes indexed images, or reads their photo info again.
JobKind = Literal["ingest", "edit", "refresh"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job's counters and times, from which its state is derived.

    All times are by Redis's clock, whichever process recorded them.
    """

    id: str
    tenant: str
    total: int
    # Seconds since 1970.
    created_at: float
    kind: JobKind = "ingest"
    started_at: float | None = None
    finished_at: float | None = None
    indexed: int = 0
    duplicates: int = 0
    # The duplicates whose tags, metadata or names the upload changed.
    changed: int = 0
    modified: int = 0
    unchanged: int = 0
    failed: int = 0
    cancelled: int = 0
    # Whether more images may be added: requests may add them, its archive is still being unpacked,
    # or the images to change are still being looked up.
    growing: bool = False
    # Whether it was cancelled while it was growing, so that some images were never added.
    cut_short: bool = False
    # What its archive contains besides pictures: numbers of files by kind.
    skipped: Mapping[str, int] = field(default_factory=dict)
    # The task that adds its images, as JSON, so that it can be sent again if it is lost.
    source: str | None = None
    # Whether it was opened for requests to add images: then it grows until it is completed.
    opened: bool = False
    # What its caller calls it.
    name: str | None = None
    # The id of the request that began it, for log lines of tasks that are sent again.
    request: str | None = None
    # Stored with each of its images.
    tags: Sequence[str] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    # What to do with images that are already indexed.
    on_duplicate: OnDuplicate = "keep"
    # What is called when it has ended; None for the default of its tenant.
    callback_url: str | None = None

    @property
    def done(self) -> int:
        """The number of images that have an outcome."""
        return sum(getattr(self, counter) for counter in COUNTERS.values())

    @property
    def is_open(self) -> bool:
        """Whether requests may add images to it."""
        return self.opened and self.growing

    @property
    def state(self) -> JobState:
        """The job's state, derived from its counters."""
        if self.growing or self.done < self.total:
            return "queued" if self.started_at is None else "running"
        if self.cancelled or self.cut_short:
            return "cancelled"
        if not self.failed:
            return "succeeded"
        return "failed" if self.failed == self.total else "partial"

    def rate_per_s(self, now: float) -> float | None:
        """Return the images finished per second since the job started; None before that."""
        if self.started_at is None:
            return None
        return self.done / max((self.finished_at or now) - self.started_at, 1e-3)

    def eta_s(self, now: float) -> float | None:
        """Return the seconds until the job finishes at its rate so far.

        None if there is no rate yet, or if the job is growing, so that its total is unknown.
        """
        if self.growing:
            return None
        rate = self.rate_per_s(now)
        return (self.total - self.done) / rate if rate else None


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a job, with its state."""

    index: int
    id: str
    filename: str
    state: ItemState = "queued"
    code: str | None = None
    detail: str | None = None
    # Of a duplicate: whether the upload changed its tags, metadata or names.
    changed: bool = False


class JobRecords(Protocol):
    """Stores job records; every method raises ``BrokerUnavailable``."""

    def ping(self) -> None:
        """Return once the storage answers."""
        ...

    def start(
        self,
        job: Job,
        items: Sequence[tuple[str, str]],
        failed: Sequence[Outcome],
        tasks: Sequence[PreparedTask],
    ) -> Job:
        """Write a new record, put its tasks into their queues and accept the job, as one step.

        For jobs whose images are all known. Starting a job again changes nothing.

        Args:
            job: The job.
            items: The id and file name of each image; at least one.
            failed: The outcomes of images that have failed already.
            tasks: The tasks of all other images.

        Returns:
            The job after this call.
        """
        ...

    def create(self, job: Job, items: Sequence[tuple[str, str]]) -> None:
        """Write a new record with the id and file name of each image.

        Until ``accept`` the record expires after a short time, so that a job whose tasks were not
        all sent leaves nothing in Redis.
        """
        ...

    def accept(self, job_id: str) -> Job:
        """Keep the record until its job has ended and for its full time after that.

        All tasks of the job are in the queue.

        Returns:
            The job after this call.

        Raises:
            NotFound: See ``get``.
        """
        ...

    def is_accepted(self, job_id: str) -> bool:
        """Return whether the job exists and all of its tasks were sent."""
        ...

    def extend(self, job_id: str, start: int, items: Sequence[tuple[str, str]]) -> int:
        """Add images to a growing job from index ``start``; return how many were new.

        A redelivered task may add images again: an index that is already taken is skipped. Does
        nothing if the record has expired or the job no longer grows.
        """
        ...

    def add(self, job_id: str, items: Sequence[tuple[str, str]]) -> list[int | None]:
        """Add images to an open job; return the index of each, None if a worker has begun it.

        A job has each image once: one that it has already keeps its index, so that adding images
        again has no further effect.

        Args:
            job_id: The job.
            items: The id and file name of each image.

        Raises:
            NotFound: See ``get``.
            JobNotOpen: The job was never open.
            JobCancelled: The job was cancelled.
            JobComplete: The job was completed, or was closed after a time without additions.
        """
        ...

    def find_open(self, tenant: str, name: str) -> Job | None:
        """Return the open job that was opened last under this name; None if there is none."""
        ...

    def close_idle(self, idle_s: float) -> int:
        """Complete the open jobs without an addition for this many seconds; return how many."""
        ...

    def complete(self, job_id: str, skipped: Mapping[str, int] | None = None) -> None:
        """End the growth of a job; it finishes once all of its images have an outcome.

        Does nothing if the job no longer grows, so a repeated task counts nothing twice.

        Args:
            job_id: The job.
            skipped: What its archive contains besides pictures: numbers of files by kind.
        """
        ...

    def requeued(self, job_id: str) -> None:
        """Note that a task of an accepted job has entered a queue, after the job was accepted.

        Not needed for tasks that ``extend`` announces, or that a worker puts back.
        """
        ...

    def tenants(self) -> list[str]:
        """Return the tenants that may have unfinished jobs."""
        ...

    def overdue(self, tenant: str, queued_before: float, unchanged_s: float) -> list[str]:
        """Return the ids of accepted, unfinished jobs of which some tasks may be lost.

        The cost depends on the number of jobs found, not on those that wait.

        Args:
            tenant: The owner of the jobs.
            queued_before: Return jobs of which every task entered its queue before this time, in
                seconds since 1970.
            unchanged_s: Return jobs whose last change is more than this many seconds ago.
        """
        ...

    def oldest_unfinished(self) -> float | None:
        """Return the creation time of the oldest accepted, unfinished job; None if there is none.

        In seconds since 1970. A job whose record was lost may still count for a while.
        """
        ...

    def pending(self) -> int:
        """Return the number of accepted images to index without an outcome, over all jobs."""
        ...

    def pending_of(self, tenant: str) -> int:
        """Return the number of a tenant's accepted images to index without an outcome."""
        ...

    def recount(self) -> None:
        """Correct the numbers of pending images for lost records.

        A call checks a part of the jobs, the next one more.
        """
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
        """Return a page of a tenant's accepted jobs, newest first, and the next page's cursor.

        The number of jobs read per page is limited. With a state, a page may therefore be short or
        empty although more pages follow.

        Args:
            tenant: The owner of the jobs.
            state: Return only jobs in this state; None returns all.
            limit: Maximum number of jobs in the page.
            cursor: The cursor that the previous page returned; None for the first page.
        """
        ...

    def trim(self) -> None:
        """Remove jobs whose records have expired from the lists that ``page`` reads."""
        ...

    def begin(self, job_id: str, indices: Sequence[int]) -> bool:
        """Record that a worker starts these images, unless the job was cancelled.

        Returns:
            False if the job was cancelled: the caller starts none of the images and records them
            as cancelled. Otherwise True, even if the record has expired or the images were already
            started.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Cancel images that no worker has started; the others continue to their outcomes.

        A growing job stops growing.

        Raises:
            NotFound: See ``get``.
        """
        ...

    def record(
        self, job_id: str, outcomes: Sequence[Outcome], mark: ReadMark | None = None
    ) -> None:
        """Record outcomes; only the first outcome of each image counts.

        A redelivered task may therefore record its outcomes again, and the sum of the counters
        never exceeds the total. Does nothing if the record has expired.

        Args:
            job_id: The job.
            outcomes: The outcomes.
            mark: As of it, reads see the images. The collection's read mark is raised to it in the
                step that finishes the job.
        """
        ...

    def outcomes(self, job_id: str, ids: Mapping[int, str]) -> dict[int, Outcome]:
        """Return the outcomes recorded so far, by index; none if the record has expired.

        Args:
            job_id: The job.
            ids: The ids of the images, by index.
        """
        ...

    def items(
        self, job_id: str, state: ItemState | None, limit: int, start: int = 0
    ) -> tuple[list[Item], int | None]:
        """Return up to ``limit`` items from index ``start``, and the index of the next page.

        Outcomes of a running job raise the read mark, so that the caller finds the images.

        Raises:
            NotFound: See ``get``.
        """
        ...


def not_open(job: Job) -> Conflict:
    """Return why nothing can be added to a job that is not open."""
    if not job.opened:
        return JobNotOpen(f"Job {job.id} is not open for uploads; POST /v1/jobs opens one.")
    if job.cut_short:
        return JobCancelled(f"Job {job.id} was cancelled; open another one.")
    return JobComplete(f"Job {job.id} is complete; open another one to add more.")


# The counter that each outcome increments.
COUNTERS: dict[OutcomeState, str] = {
    "indexed": "indexed",
    "duplicate": "duplicates",
    "modified": "modified",
    "unchanged": "unchanged",
    "failed": "failed",
    "cancelled": "cancelled",
}
