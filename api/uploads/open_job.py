"""Open jobs: jobs that grow by the pictures of any number of requests, until they are completed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request

from api.schemas.job import OpenJobBody
from api.services import Services
from api.uploads.admission import check_memory
from api.uploads.begin_once import Begun, begin_once
from api.uploads.callback import check_callback
from api.uploads.job import add_to_job
from api.uploads.pictures import ReceivedPictures
from common.errors import NotFound, Unprocessable
from common.jobs.base import Job, not_open
from common.logs.context import current_request


@dataclass(frozen=True, slots=True)
class _Opening:
    services: Services
    tenant: str
    body: OpenJobBody

    @property
    def content(self) -> Sequence[object]:
        """The body."""
        return [self.body.model_dump_json()]

    def begin(self, job_id: str) -> Job:
        """Create the job, without images."""
        jobs, body = self.services.jobs, self.body
        job = Job(
            job_id,
            self.tenant,
            total=0,
            created_at=self.services.clock.now(),
            growing=True,
            opened=True,
            name=body.name,
            request=current_request(),
            tags=body.tags,
            metadata=body.metadata,
            on_duplicate=body.on_duplicate,
            callback_url=body.callback_url,
        )
        jobs.create(job, [])
        return jobs.accept(job_id)

    def close(self) -> None:
        """Do nothing, because no bytes are stored."""


@dataclass(frozen=True, slots=True)
class AddedPictures:
    """Pictures that were received for an open job."""

    pictures: ReceivedPictures

    @property
    def content(self) -> Sequence[object]:
        """The names and ids of the pictures in order."""
        return self.pictures.content

    def begin(self, job_id: str) -> Job:
        """Store the pictures and add them to the job.

        Raises:
            Unprocessable: The request has tags or metadata of its own.
            Conflict: The job is not open; no bytes were stored.
        """
        if self.pictures.metadata_text:
            raise Unprocessable(
                "Tags and metadata are those of the open job; leave out the part metadata.",
                field="metadata",
            )
        services = self.pictures.services
        # Checked again when the pictures are added; bytes stored in between are orphans.
        if not (job := services.jobs.get(job_id)).is_open:
            raise not_open(job)
        return add_to_job(services, job, self.pictures.store(), self.pictures.waiting)

    def close(self) -> None:
        """Discard the pictures that were not stored."""
        self.pictures.close()


def open_job(services: Services, tenant: str, request: Request, body: OpenJobBody) -> Begun:
    """Create an open job.

    Args:
        services: The services of the app.
        tenant: The owner of the job.
        request: The request, which may carry an idempotency key.
        body: The job's name, and what is stored with its pictures.

    Raises:
        Overloaded: Redis is nearly full.
        GlimpseError: No job was created.
    """
    check_callback(services, tenant, body.callback_url)
    with begin_once(services, tenant, request) as begin:
        check_memory(services.load.read(tenant))
        return begin(_Opening(services, tenant, body))


def complete_job(services: Services, job: Job) -> Job:
    """End the growth of an open job; return the updated job. Repeating it has no effect.

    Raises:
        JobNotOpen: The job was never open.
        JobCancelled: The job was cancelled while it was open.
    """
    if job.opened:
        services.jobs.complete(job.id)
        job = services.jobs.get(job.id)
    if job.cut_short or not job.opened:
        raise not_open(job)
    return job


def require_opened(services: Services, tenant: str, job_id: str) -> None:
    """Return if a job was opened for additions, even if it has ended since.

    Whether it has ended is checked only once the body is received: a repeated request whose
    pictures were added before the end gets the job.

    Raises:
        NotFound: The tenant has no such job.
        JobNotOpen: The job was never open.
    """
    job = services.jobs.get(job_id)
    if job.tenant != tenant:
        raise NotFound(f"There is no job {job_id}, or it has expired.")
    if not job.opened:
        raise not_open(job)
