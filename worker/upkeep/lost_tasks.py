"""Lost tasks: sends tasks again whose messages were lost.

kombu removes a message from its queue and records it as delivered in two steps,
and Redis may remove a message whose response never arrives. If a worker or Redis
is killed in between, the message is lost, and its job would wait forever. The
job's record contains everything that its tasks need, and tasks are idempotent.

Queues are not searched. They are first in, first out, and each job's record says when
its last task entered one. So once the next task of a queue was sent later than that, the
job has no task there, and those of its images that no worker holds are lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from redis import Redis

from common.broker.queues import delivered, next_sent_at
from common.broker.sender import Send
from common.contract import INGEST_CHUNK
from common.errors import NotFound
from common.jobs.base import Job, JobRecords
from common.jobs.tasks import chunk_tasks, source_task
from common.jobs.walk import walk
from common.logs.context import bound
from worker.upkeep.turn import Check, no_check

log = logging.getLogger(__name__)

# Leases without a change after which a job is checked: by then, the messages of a dead
# worker are back in the queue, and the clocks of senders agree.
_STALLED_LEASES = 2
# Represents the task that adds a job's images among their indices.
_SOURCE = -1


class LostTasks:
    """A chore of the upkeep: finds jobs whose tasks are lost and sends the tasks again.

    Args:
        redis: A client of the broker's database that decodes responses.
        jobs: The job records.
        queues: Returns the queues that may hold a tenant's ingest tasks.
        send: Puts a task into the ingest queue.
        lease_s: Seconds after which the messages of a dead worker are back in the queue.
        chunk_images: Number of images per task.
    """

    def __init__(
        self,
        redis: Redis,
        jobs: JobRecords,
        queues: Callable[[str], Sequence[str]],
        send: Send,
        lease_s: float,
        chunk_images: int,
    ) -> None:
        self._redis = redis
        self._jobs = jobs
        self._queues = queues
        self._send = send
        self._stalled_s = _STALLED_LEASES * lease_s
        self._chunk_images = chunk_images

    def recover(self, check: Check = no_check) -> int:
        """Send lost tasks again and return their number of images.

        Raises:
            BrokerUnavailable: Redis does not answer; retry later.
        """
        queues = {tenant: self._queues(tenant) for tenant in self._jobs.tenants()}
        if not self._overdue(queues, self._next_sent_at(queues)):
            return 0
        # In this order: a message taken from its queue after the first step is held in the second,
        # and one put back after the second renews its job's time before the third.
        sent_at = self._next_sent_at(queues)
        held = self._held(queues)
        overdue = self._overdue(queues, sent_at)
        return sum(self._recover(job_id, held.get(job_id, set()), check) for job_id in overdue)

    def _next_sent_at(self, queues: Mapping[str, Sequence[str]]) -> Mapping[str, float]:
        """Return when the next task of each queue was sent."""
        return next_sent_at(
            self._redis, list({name for names in queues.values() for name in names})
        )

    def _overdue(
        self, queues: Mapping[str, Sequence[str]], sent_at: Mapping[str, float]
    ) -> list[str]:
        """Return the jobs of all tenants that have no task in a queue."""
        return [
            job_id
            for tenant, names in queues.items()
            for job_id in self._jobs.overdue(
                tenant, min(sent_at[name] for name in names) - self._stalled_s, self._stalled_s
            )
        ]

    def _held(self, queues: Mapping[str, Sequence[str]]) -> dict[str, set[int]]:
        """Return the indices in the messages that workers hold, by job."""
        held: dict[str, set[int]] = {}
        for payload in delivered(
            self._redis, {name for names in queues.values() for name in names}
        ):
            indices = {item["index"] for item in payload.get("items", [{"index": _SOURCE}])}
            held.setdefault(payload["job_id"], set()).update(indices)
        return held

    def _recover(self, job_id: str, held: set[int], check: Check) -> int:
        try:
            job = self._jobs.get(job_id)
        except NotFound:
            return 0
        check()
        # The tasks carry the request's id, as the lost ones did.
        with bound(request=job.request):
            return self._recover_job(job, held, check)

    def _recover_job(self, job: Job, held: set[int], check: Check) -> int:
        job_id = job.id
        # The task of an edit also changes the images that it has added.
        is_edit = job.kind != "ingest"
        source_lost = (job.growing or is_edit) and _SOURCE not in held and job.source is not None
        open_items = [] if is_edit else walk(self._jobs, job_id, "queued")
        lost = [item for item in open_items if item.index not in held]
        if source_lost or lost:
            # First: if this is interrupted, the rest is found once these tasks have been taken.
            self._jobs.requeued(job_id)
        if source_lost:
            self._send(*source_task(job))
            log.warning("recovery.sent_again job=%s source", job_id)
        for task_id, chunk in chunk_tasks(job, lost, self._chunk_images):
            check()
            self._send(INGEST_CHUNK, task_id, chunk)
        if lost:
            log.warning("recovery.sent_again job=%s images=%d", job_id, len(lost))
        return len(lost)
