"""Beginning a job: from received pictures to tasks in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from api.services import Services
from common.contract import INGEST_CHUNK, INGEST_QUEUE, MetadataValue, Outcome
from common.images.received import ReceivedPicture
from common.jobs.base import Item, Job
from common.jobs.tasks import chunk_tasks


def begin_job(
    services: Services,
    tenant: str,
    job_id: str,
    pictures: Sequence[ReceivedPicture],
    tags: list[str],
    metadata: dict[str, MetadataValue],
) -> Job:
    """Write a job's record under a new id, send its tasks, and return the job.

    The same bytes twice in one request are one image. Pictures that cannot be
    used are failed at once; the others go to the workers in chunks.

    Args:
        services: The parts.
        tenant: Whose job it is.
        job_id: Its id.
        pictures: The pictures that were received.
        tags: Tags of all of them.
        metadata: What else is kept beside each of them.

    Raises:
        BrokerUnavailable: Nothing was accepted; what was sent by then is
            idempotent, so the caller may send the same pictures again.
    """
    unique = list({picture.id: picture for picture in reversed(pictures)}.values())[::-1]
    # What is kept beside the images is in the record too: from it alone a task that was
    # lost is sent again.
    job = Job(
        job_id,
        tenant,
        total=len(unique),
        created_at=services.clock.now(),
        tags=tags,
        metadata=metadata,
    )
    services.jobs.create(job, [(picture.id, picture.filename) for picture in unique])
    items = [
        Item(index, picture.id, picture.filename)
        for index, picture in enumerate(unique)
        if picture.error is None
    ]
    _send(services, job, items)
    services.jobs.record(job.id, _refused(unique))
    return services.jobs.accept(job.id)


def _refused(pictures: Sequence[ReceivedPicture]) -> list[Outcome]:
    return [
        Outcome.failed(index, picture.id, picture.error)
        for index, picture in enumerate(pictures)
        if picture.error is not None
    ]


def _send(services: Services, job: Job, items: Sequence[Item]) -> None:
    for task_id, chunk in chunk_tasks(job, items, services.settings.chunk_images):
        services.dispatcher.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk)
