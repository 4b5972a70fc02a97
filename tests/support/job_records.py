"""Job records for tests."""

from __future__ import annotations

import json
import time
import uuid

from redis import Redis

from common.contract import Outcome
from common.jobs.base import Job, JobRecords
from common.jobs.fields import write_job


def new_job(jobs: JobRecords, total: int) -> Job:
    job = Job(uuid.uuid4().hex, "default", total, created_at=time.time())
    jobs.create(job, [(f"{n:064x}", f"pictures/{n}.jpg") for n in range(total)])
    jobs.accept(job.id)
    return job


def outcome(index: int, state: str = "indexed", code: str | None = None) -> Outcome:
    return Outcome(index=index, id=f"{index:064x}", state=state, code=code, detail=code)


def record_of_version_1(redis: Redis, job: Job) -> None:
    """Write a record as version 1 did, before records were packed."""
    key = f"glimpse:job:{job.id}"
    redis.hset(key, mapping=write_job(job))
    redis.hdel(key, "packed")
    redis.rpush(
        f"{key}:items", *(json.dumps([f"{n:064x}", f"pictures/{n}.jpg"]) for n in range(job.total))
    )
    redis.zadd(f"{key}:queued", {str(n): n for n in range(job.total)})
