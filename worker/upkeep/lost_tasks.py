"""Lost tasks: tasks that no queue holds any more are sent again.

kombu takes a message out of its queue and notes it among those in hand in two
steps, and so does Redis with an answer that never arrives. A worker or a Redis
killed between them loses the message, and its job would wait for ever. All that
a task needs stands in its job's record, and running a task twice changes nothing.
"""

from __future__ import annotations

import logging

from redis import Redis

from common.broker.queues import payloads
from common.broker.sender import Send
from common.contract import INGEST_ARCHIVE, INGEST_CHUNK, INGEST_QUEUE, IngestArchive
from common.errors import NotFound
from common.jobs.base import JobRecords
from common.jobs.tasks import archive_task_id, chunk_tasks
from common.jobs.walk import walk

log = logging.getLogger(__name__)

# Leases without a change after which a job is looked at: what a dead worker held is back
# in the queue by then.
_STALLED_LEASES = 2
# Stands for the archive of a job, where images stand for themselves by their indices.
_ARCHIVE = -1


class LostTasks:
    """Finds jobs whose tasks are lost.

    Args:
        redis: A client of the broker's database.
        jobs: The job records.
        send: Puts a task into the ingest queue.
        lease_s: Seconds after which the work of a dead worker is back in the queue.
        chunk_images: Images that one task carries.
    """

    def __init__(
        self, redis: Redis, jobs: JobRecords, send: Send, lease_s: float, chunk_images: int
    ) -> None:
        self._redis = redis
        self._jobs = jobs
        self._send = send
        self._lease_s = lease_s
        self._chunk_images = chunk_images

    def look(self) -> int:
        """Send again what is lost; return how many images.

        Raises:
            BrokerUnavailable: Redis does not answer; nothing is worse than before.
        """
        stalled = self._jobs.stalled(_STALLED_LEASES * self._lease_s)
        if not stalled:
            return 0
        held = self._held()
        return sum(self._recover(job_id, held.get(job_id, set())) for job_id in stalled)

    def _held(self) -> dict[str, set[int]]:
        """Return the indices that messages carry, by job."""
        held: dict[str, set[int]] = {}
        for payload in payloads(self._redis, INGEST_QUEUE):
            indices = {item["index"] for item in payload.get("items", [{"index": _ARCHIVE}])}
            held.setdefault(payload["job_id"], set()).update(indices)
        return held

    def _recover(self, job_id: str, held: set[int]) -> int:
        try:
            job = self._jobs.get(job_id)
        except NotFound:
            return 0
        if job.growing and _ARCHIVE not in held and job.source is not None:
            archive = IngestArchive.model_validate_json(job.source)
            self._send(INGEST_ARCHIVE, archive_task_id(job.id), archive)
            log.warning("recovery.sent_again job=%s archive=%s", job_id, archive.filename)
        lost = [item for item in walk(self._jobs, job_id, "queued") if item.index not in held]
        for task_id, chunk in chunk_tasks(job, lost, self._chunk_images):
            self._send(INGEST_CHUNK, task_id, chunk)
        if lost:
            log.warning("recovery.sent_again job=%s images=%d", job_id, len(lost))
        return len(lost)
