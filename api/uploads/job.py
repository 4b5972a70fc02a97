"""Creates jobs: from received pictures to tasks in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from api.services import Services
from common.contract import INGEST_CHUNK, INGEST_QUEUE, MetadataValue, OnDuplicate, Outcome
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
    on_duplicate: OnDuplicate = "merge",
) -> Job:
    """Create a job's record, send its tasks, and return the job.

    Duplicate bytes within a request are one image. Unusable pictures fail at once; the others are
    sent to the workers in chunks.

    Args:
        services: The services of the app.
        tenant: The owner of the job.
        job_id: The id of the new job.
        pictures: The received pictures.
        tags: The tags of every picture.
        metadata: The metadata of every picture.
        on_duplicate: What to do with images that are already indexed.

    Raises:
        BrokerUnavailable: Nothing was accepted. Tasks already sent are idempotent, so the caller
            can send the same pictures again.
    """
    unique = list({picture.id: picture for picture in reversed(pictures)}.values())[::-1]
    # The record includes tags and metadata, because lost tasks are rebuilt from it alone.
    job = Job(
        job_id,
        tenant,
        total=len(unique),
        created_at=services.clock.now(),
        tags=tags,
        metadata=metadata,
        on_duplicate=on_duplicate,
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
    waiting, chunk_images = services.jobs.pending_of(job.tenant), services.settings.chunk_images
    for task_id, chunk in chunk_tasks(job, items, chunk_images):
        first = waiting < chunk_images
        services.dispatcher.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk, first=first)
        waiting += len(chunk.items)
