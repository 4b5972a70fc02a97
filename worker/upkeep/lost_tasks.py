"""Lost tasks: sends tasks again whose messages were lost.

kombu removes a message from its queue and records it as delivered in two steps,
and Redis may remove a message whose response never arrives. If a worker or Redis
is killed in between, the message is lost, and its job would wait forever. The
job's record contains everything that its tasks need, and tasks are idempotent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from common.broker.sender import Send
from common.contract import INGEST_ARCHIVE, INGEST_CHUNK, IngestArchive
from common.errors import NotFound
from common.jobs.base import JobRecords
from common.jobs.tasks import archive_task_id, chunk_tasks
from common.jobs.walk import walk

log = logging.getLogger(__name__)

# Leases without a change after which a job is checked: by then, the messages of a dead
# worker are back in the queue.
_STALLED_LEASES = 2
# Represents a job's archive among the indices of its images.
_ARCHIVE = -1


class LostTasks:
    """A chore of the upkeep: finds jobs whose tasks are lost and sends the tasks again.

    Args:
        payloads: Returns the payloads of all ingest tasks, waiting and delivered.
        jobs: The job records.
        send: Puts a task into the ingest queue.
        lease_s: Seconds after which the messages of a dead worker are back in the queue.
        chunk_images: Number of images per task.
    """

    def __init__(
        self,
        payloads: Callable[[], list[dict[str, Any]]],
        jobs: JobRecords,
        send: Send,
        lease_s: float,
        chunk_images: int,
    ) -> None:
        self._payloads = payloads
        self._jobs = jobs
        self._send = send
        self._lease_s = lease_s
        self._chunk_images = chunk_images

    def recover(self) -> int:
        """Send lost tasks again and return their number of images.

        Raises:
            BrokerUnavailable: Redis does not answer; retry later.
        """
        stalled = self._jobs.stalled(_STALLED_LEASES * self._lease_s)
        if not stalled:
            return 0
        held = self._held()
        return sum(self._recover_job(job_id, held.get(job_id, set())) for job_id in stalled)

    def _held(self) -> dict[str, set[int]]:
        """Return the indices in queued and delivered messages, by job."""
        held: dict[str, set[int]] = {}
        for payload in self._payloads():
            indices = {item["index"] for item in payload.get("items", [{"index": _ARCHIVE}])}
            held.setdefault(payload["job_id"], set()).update(indices)
        return held

    def _recover_job(self, job_id: str, held: set[int]) -> int:
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
