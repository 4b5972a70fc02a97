"""The answer of routes that begin a job."""

from __future__ import annotations

from flask import Response

from api.http.answers import ASK_AGAIN, answered
from api.routes.current import links, services
from api.schemas.job import Job
from common.jobs.base import Job as JobRecord


def accepted(record: JobRecord, was_begun: bool = False) -> Response:
    """Answer with a job: 202, its place, and when to look.

    Args:
        record: The job.
        was_begun: Whether an earlier request with the same idempotency key has begun it.
    """
    job = Job.of(record, services().clock.now(), links())
    headers = ASK_AGAIN | {"Location": job.links["self"]}
    if was_begun:
        headers["Idempotency-Replayed"] = "true"
    return answered(job, 202, headers)
