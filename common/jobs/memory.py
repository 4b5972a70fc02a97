"""Job records in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.broker.prepared import PreparedTask
from common.contract import Outcome
from common.errors import NotFound
from common.jobs.base import COUNTERS, Item, ItemState, Job, JobState, not_open
from common.newest_first import page_of
from common.read_marks.base import ReadMark
from common.read_marks.memory import MemoryReadMarks
from common.webhooks.memory import MemoryWebhooks


class MemoryJobs:
    """Stores job records for the lifetime of the object.

    Args:
        marks: The read marks, which finished jobs raise.
        webhooks: The webhooks, which tell of finished jobs.
    """

    def __init__(
        self, marks: MemoryReadMarks | None = None, webhooks: MemoryWebhooks | None = None
    ) -> None:
        self.marks = marks or MemoryReadMarks()
        self.webhooks = webhooks or MemoryWebhooks()
        # The read marks of unfinished jobs.
        self._noted: dict[str, list[ReadMark]] = {}
        # Makes additions to a job atomic.
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._items: dict[str, list[Item]] = {}
        self._begun: dict[str, set[int]] = {}
        self._cancelled: set[str] = set()
        # When each accepted job last changed, and when its last task entered a queue, in seconds
        # since 1970.
        self._changed: dict[str, float] = {}
        self._queued: dict[str, float] = {}
        # When images were last added to each job that was opened.
        self._added: dict[str, float] = {}

    def ping(self) -> None:
        """Return, because memory always answers."""

    def start(
        self,
        job: Job,
        items: Sequence[tuple[str, str]],
        failed: Sequence[Outcome],
        tasks: Sequence[PreparedTask],
    ) -> Job:
        """Write a record, put its tasks into their queues and accept the job."""
        if not self.is_accepted(job.id):
            self.create(job, items)
            self.record(job.id, failed)
            for task in tasks:
                task.put()
        return self.accept(job.id)

    def create(self, job: Job, items: Sequence[tuple[str, str]]) -> None:
        """Write a new record."""
        self._jobs[job.id] = job
        self._items[job.id] = [Item(index, *item) for index, item in enumerate(items)]

    def accept(self, job_id: str) -> Job:
        """Count the job's images as pending; records in memory never expire."""
        job = self.get(job_id)
        self._changed[job_id] = time.time()
        self._queued.setdefault(job_id, time.time())
        self._added.setdefault(job_id, time.time())
        self._announce(job)
        return job

    def is_accepted(self, job_id: str) -> bool:
        """Return whether the job exists and all of its tasks were sent."""
        return job_id in self._changed

    def extend(self, job_id: str, start: int, items: Sequence[tuple[str, str]]) -> int:
        """Add images to a growing job."""
        job = self._jobs.get(job_id)
        if job is None or not job.growing:
            return 0
        known = self._items[job_id]
        for index, item in enumerate(items, start):
            if index == len(known):
                known.append(Item(index, *item))
        self._jobs[job_id] = replace(job, total=len(known))
        self._touch(job_id)
        self.requeued(job_id)
        return len(known) - job.total

    def add(self, job_id: str, items: Sequence[tuple[str, str]]) -> list[int | None]:
        """Add images to an open job."""
        with self._lock:
            return self._added_to(job_id, items)

    def _added_to(self, job_id: str, items: Sequence[tuple[str, str]]) -> list[int | None]:
        job = self.get(job_id)
        if not job.is_open:
            raise not_open(job)
        known = {item.id: item for item in self._items[job_id]}
        new = dict.fromkeys(image_id for image_id, _ in items if image_id not in known)
        names = dict(reversed(items))
        self.extend(job_id, job.total, [(image_id, names[image_id]) for image_id in new])
        self._added[job_id] = time.time()
        begun = self._begun.get(job_id, set())
        found = {item.id: item for item in self._items[job_id]}
        return [
            item.index if item.state == "queued" and item.index not in begun else None
            for item in (found[image_id] for image_id, _ in items)
        ]

    def find_open(self, tenant: str, name: str) -> Job | None:
        """Return the open job that was opened last under this name."""
        jobs = (self._jobs[job_id] for job_id in reversed(self._changed))
        named = (job for job in jobs if job.opened and (job.tenant, job.name) == (tenant, name))
        last = next(named, None)
        return last if last and last.is_open else None

    def close_idle(self, idle_s: float) -> int:
        """Complete the open jobs without an addition for this many seconds."""
        before = time.time() - idle_s
        idle = [job_id for job_id, at in self._added.items() if at <= before]
        ended = [job_id for job_id in idle if self._jobs[job_id].is_open]
        for job_id in ended:
            self.complete(job_id)
        return len(ended)

    def complete(self, job_id: str, skipped: Mapping[str, int] | None = None) -> None:
        """End the growth of a job."""
        job = self._jobs.get(job_id)
        if job is not None and job.growing:
            self._jobs[job_id] = replace(job, growing=False, skipped=dict(skipped or {}))
            self._finish_if_done(job_id)

    def requeued(self, job_id: str) -> None:
        """Note that a task of the job has entered a queue."""
        if job_id in self._queued:
            self._queued[job_id] = time.time()

    def tenants(self) -> list[str]:
        """Return the tenants that may have unfinished jobs."""
        return list({self._jobs[job_id].tenant for job_id in self._changed})

    def overdue(self, tenant: str, queued_before: float, unchanged_s: float) -> list[str]:
        """Return the unfinished jobs without a task in a queue that have not changed recently."""
        limit = time.time() - unchanged_s
        return [
            job_id
            for job_id, queued_at in self._queued.items()
            if queued_at <= queued_before
            and self._changed[job_id] < limit
            and self._jobs[job_id].tenant == tenant
            and self._jobs[job_id].finished_at is None
        ]

    def oldest_unfinished(self) -> float | None:
        """Return the creation time of the oldest accepted, unfinished job."""
        jobs = (self._jobs[job_id] for job_id in self._changed)
        return min((job.created_at for job in jobs if job.finished_at is None), default=None)

    def pending(self) -> int:
        """Return the number of accepted images without an outcome."""
        return sum(job.total - job.done for job in self._counted())

    def pending_of(self, tenant: str) -> int:
        """Return the number of a tenant's accepted images without an outcome."""
        return sum(job.total - job.done for job in self._counted() if job.tenant == tenant)

    def recount(self) -> None:
        """Do nothing: ``pending`` always recomputes the number."""

    def get(self, job_id: str) -> Job:
        """Return a job."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFound(f"There is no job {job_id}, or it has expired.") from None

    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Job], str | None]:
        """Return a page of a tenant's accepted jobs, newest first."""
        jobs = [job for job in map(self.get, self._changed) if job.tenant == tenant]
        return page_of(jobs, lambda job: state is None or job.state == state, limit, cursor)

    def trim(self) -> None:
        """Do nothing: records in memory never expire."""

    def begin(self, job_id: str, indices: Sequence[int]) -> bool:
        """Record that a worker starts these images, unless the job was cancelled."""
        if job_id in self._cancelled:
            return False
        job = self._jobs.get(job_id)
        if job:
            self._begun.setdefault(job_id, set()).update(indices)
            self._touch(job_id)
            self._jobs[job_id] = replace(job, started_at=job.started_at or time.time())
        return True

    def cancel(self, job_id: str) -> None:
        """Cancel images that no worker has started."""
        job = self.get(job_id)
        self._cancelled.add(job_id)
        if job.growing:
            self._jobs[job_id] = replace(job, growing=False, cut_short=True)
            self._finish_if_done(job_id)
        begun = self._begun.get(job_id, set())
        waiting = [item for item in self._items[job_id] if item.index not in begun]
        self.record(
            job_id,
            [Outcome(index=item.index, id=item.id, state="cancelled") for item in waiting],
        )

    def record(
        self, job_id: str, outcomes: Sequence[Outcome], mark: ReadMark | None = None
    ) -> None:
        """Record outcomes, and note the read mark until the job finishes."""
        if mark is not None:
            self._noted.setdefault(job_id, []).append(mark)
        items = self._items.get(job_id, [])
        for outcome in outcomes:
            if items and items[outcome.index].state == "queued":
                items[outcome.index] = replace(
                    items[outcome.index],
                    state=outcome.state,
                    code=outcome.code,
                    detail=outcome.detail,
                    changed=outcome.changed,
                )
                if outcome.changed:
                    job = self._jobs[job_id]
                    self._jobs[job_id] = replace(job, changed=job.changed + 1)
                self._count(job_id, COUNTERS[outcome.state])

    def outcomes(self, job_id: str, ids: Mapping[int, str]) -> dict[int, Outcome]:
        """Return the outcomes recorded so far, by index."""
        items = self._items.get(job_id, [])
        recorded = (items[index] for index in ids if index < len(items))
        return {
            item.index: Outcome(
                index=item.index,
                id=item.id,
                state=item.state,
                code=item.code,
                detail=item.detail,
                changed=item.changed,
            )
            for item in recorded
            if item.state != "queued"
        }

    def items(
        self, job_id: str, state: ItemState | None, limit: int, start: int = 0
    ) -> tuple[list[Item], int | None]:
        """Return up to ``limit`` items from index ``start``, and the index of the next page."""
        self.get(job_id)
        rest = [
            item for item in self._items[job_id][start:] if state is None or item.state == state
        ]
        if state != "queued":
            self.marks.advance(self._noted.pop(job_id, []))
        return rest[:limit], rest[limit].index if len(rest) > limit else None

    def _counted(self) -> list[Job]:
        """Return the accepted jobs whose images are pending until they have an outcome."""
        jobs = (self._jobs[job_id] for job_id in self._changed)
        return [job for job in jobs if job.kind == "ingest"]

    def _count(self, job_id: str, counter: str) -> None:
        job = self._jobs[job_id]
        self._jobs[job_id] = replace(job, **{counter: getattr(job, counter) + 1})
        self._touch(job_id)
        self._finish_if_done(job_id)

    def _finish_if_done(self, job_id: str) -> None:
        job = self._jobs[job_id]
        if job.done == job.total and not job.growing and job.finished_at is None:
            self.marks.advance(self._noted.pop(job_id, []))
            self._jobs[job_id] = replace(job, finished_at=time.time())
            self._announce(self._jobs[job_id])

    def _announce(self, job: Job) -> None:
        if job.finished_at is not None and self.is_accepted(job.id):
            self.webhooks.announce(job.tenant, job.id, job.callback_url, job.finished_at)

    def _touch(self, job_id: str) -> None:
        if job_id in self._changed:
            self._changed[job_id] = time.time()
