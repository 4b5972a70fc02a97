"""Creates jobs: from received pictures to tasks in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from api.services import Services
from common.contract import INGEST_CHUNK, INGEST_QUEUE, MetadataValue, OnDuplicate, Outcome
from common.images.received import ReceivedPicture
from common.jobs.base import Item, Job
from common.jobs.tasks import chunk_tasks
from common.logs.context import current_request


def begin_job(
    services: Services,
    tenant: str,
    job_id: str,
    pictures: Sequence[ReceivedPicture],
    tags: list[str],
    metadata: dict[str, MetadataValue],
    on_duplicate: OnDuplicate = "merge",
    callback_url: str | None = None,
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
        callback_url: What to call when the job has ended.

    Raises:
        BrokerUnavailable: Nothing was accepted. Tasks already sent are idempotent, so the caller
            can send the same pictures again.
    """
    unique = _unique(pictures)
    # The record includes tags and metadata, because lost tasks are rebuilt from it alone.
    job = Job(
        job_id,
        tenant,
        total=len(unique),
        created_at=services.clock.now(),
        request=current_request(),
        tags=tags,
        metadata=metadata,
        on_duplicate=on_duplicate,
        callback_url=callback_url,
    )
    services.jobs.create(job, [(picture.id, picture.filename) for picture in unique])
    waiting = services.jobs.pending_of(tenant)
    _send(services, job, list(enumerate(unique)), waiting)
    return services.jobs.accept(job.id)


def add_to_job(services: Services, job: Job, pictures: Sequence[ReceivedPicture]) -> Job:
    """Add pictures to an open job, send their tasks, and return the job.

    The job has each image once. Adding a picture again has no effect, except that its task is sent
    again if no worker has begun it: an earlier request may have been interrupted before that.

    Args:
        services: The services of the app.
        job: The job.
        pictures: The received pictures.

    Raises:
        NotFound: The job has expired.
        Conflict: The job is no longer open.
        BrokerUnavailable: Some pictures may have been added; the caller can send all of them again.
    """
    unique = _unique(pictures)
    waiting = services.jobs.pending_of(job.tenant)
    indices = services.jobs.add(job.id, [(picture.id, picture.filename) for picture in unique])
    open_pictures = [
        (index, picture)
        for index, picture in zip(indices, unique, strict=True)
        if index is not None
    ]
    # If the process dies here, the upkeep sends the images (``LostTasks``).
    _send(services, job, open_pictures, waiting)
    return services.jobs.get(job.id)


def _unique(pictures: Sequence[ReceivedPicture]) -> list[ReceivedPicture]:
    return list({picture.id: picture for picture in reversed(pictures)}.values())[::-1]


def _send(
    services: Services, job: Job, pictures: Sequence[tuple[int, ReceivedPicture]], waiting: int
) -> None:
    """Send the usable pictures, each with its index, to the workers; record the others as failed.

    Args:
        services: The services of the app.
        job: The job.
        pictures: The pictures.
        waiting: The number of the tenant's images that were pending before these.
    """
    items = [
        Item(index, picture.id, picture.filename)
        for index, picture in pictures
        if picture.error is None
    ]
    chunk_images = services.settings.chunk_images
    for task_id, chunk in chunk_tasks(job, items, chunk_images):
        first = waiting < chunk_images
        services.dispatcher.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk, first=first)
        waiting += len(chunk.items)
    refused = [
        Outcome.failed(index, picture.id, picture.error)
        for index, picture in pictures
        if picture.error is not None
    ]
    services.jobs.record(job.id, refused)
