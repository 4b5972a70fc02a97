"""The message of a webhook."""

from __future__ import annotations

import json

from api.schemas.job import Job
from api.schemas.links import Links
from common.jobs.base import Job as JobRecord
from common.rfc3339 import rfc3339

JOB_FINISHED = "job.finished"


def job_finished(job: JobRecord, links: Links) -> bytes:
    """Return the message that a job has ended, the same bytes each time."""
    ended_at = job.finished_at or job.created_at
    event = {
        "type": JOB_FINISHED,
        "timestamp": rfc3339(ended_at),
        "data": Job.of(job, ended_at, links).plain(),
    }
    return json.dumps(event, separators=(",", ":")).encode()
