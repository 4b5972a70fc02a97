"""Edits: jobs that change indexed images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request

from api.services import Services
from api.uploads.admission import check_memory
from api.uploads.begin_once import Begun, begin_once
from api.uploads.callback import check_callback
from common.contract import IMAGES_EDIT, INGEST_QUEUE, Change
from common.contract import EditImages as Task
from common.filters.model import Filter
from common.jobs.base import Job, JobKind
from common.jobs.tasks import edit_task_id
from common.logs.context import current_request


@dataclass(frozen=True, slots=True)
class EditedImages:
    """The images to change, and the change of each.

    Attributes:
        kind: The kind of the job.
        change: The change.
        ids: The images; None for those that match the filter.
        filter: None for all images.
        callback_url: What to call when the job has ended.
    """

    kind: JobKind
    change: Change
    ids: list[str] | None = None
    filter: Filter | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Received:
    services: Services
    tenant: str
    edited: EditedImages

    @property
    def content(self) -> Sequence[object]:
        """The images, the change and the URL."""
        return [self._task("").model_dump_json(), self.edited.callback_url]

    def begin(self, job_id: str) -> Job:
        """Create the job; a worker adds its images.

        Raises:
            BrokerUnavailable: Nothing was accepted; send the request again.
        """
        task, services = self._task(job_id), self.services
        job = Job(
            job_id,
            self.tenant,
            total=0,
            created_at=services.clock.now(),
            kind=self.edited.kind,
            growing=True,
            source=task.model_dump_json(),
            callback_url=self.edited.callback_url,
            request=current_request(),
        )
        services.jobs.create(job, [])
        services.dispatcher.send(IMAGES_EDIT, INGEST_QUEUE, edit_task_id(job_id), task)
        return services.jobs.accept(job_id)

    def close(self) -> None:
        """Do nothing, because no bytes are stored."""

    def _task(self, job_id: str) -> Task:
        edited = self.edited
        return Task(
            job_id=job_id,
            tenant=self.tenant,
            change=edited.change,
            ids=edited.ids,
            filter=edited.filter,
        )


def begin_edit(services: Services, tenant: str, request: Request, edited: EditedImages) -> Begun:
    """Create a job that changes indexed images.

    Args:
        services: The services of the app.
        tenant: The owner of the images.
        request: The request, which may carry an idempotency key.
        edited: The images and the change.

    Raises:
        Overloaded: Redis is nearly full.
        GlimpseError: No job was created.
    """
    check_callback(services, tenant, edited.callback_url)
    with begin_once(services, tenant, request) as begin:
        check_memory(services.load.read(tenant))
        return begin(_Received(services, tenant, edited))
