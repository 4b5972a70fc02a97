"""The response of routes that start a job."""

from __future__ import annotations

from flask import Response

from api.http.answers import ASK_AGAIN, answered
from api.routes.current import links, services
from api.schemas.job import Job
from api.uploads.begin_once import Begun


def accepted(begun: Begun) -> Response:
    """Return 202 with the job, its URL and the time after which to poll it."""
    job = Job.of(begun.job, services().clock.now(), links())
    headers = ASK_AGAIN | {"Location": job.links["self"]}
    if begun.by_earlier_request:
        headers["Idempotency-Replayed"] = "true"
    return answered(job, 202, headers)
