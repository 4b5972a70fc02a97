"""Job records for tests."""

from __future__ import annotations

import time
import uuid

from common.contract import Outcome
from common.jobs.base import Job, JobRecords


def new_job(jobs: JobRecords, total: int) -> Job:
    job = Job(uuid.uuid4().hex, "default", total, created_at=time.time())
    jobs.create(job, [(f"{n:064x}", f"pictures/{n}.jpg") for n in range(total)])
    jobs.accept(job.id)
    return job


def outcome(index: int, state: str = "indexed", code: str | None = None) -> Outcome:
    return Outcome(index=index, id=f"{index:064x}", state=state, code=code, detail=code)
