"""Creates jobs: from received pictures to tasks in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from api.services import Services
from common.broker.prepared import PreparedTask
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
    waiting: int,
    on_duplicate: OnDuplicate = "merge",
    callback_url: str | None = None,
) -> Job:
    """Start a job, and return it.

    Duplicate bytes within a request are one image. Unusable pictures fail at once; the others are
    sent to the workers in chunks.

    Args:
        services: The services of the app.
        tenant: The owner of the job.
        job_id: The id of the new job.
        pictures: The received pictures.
        tags: The tags of every picture.
        metadata: The metadata of every picture.
        waiting: The number of the tenant's images that were pending before these.
        on_duplicate: What to do with images that are already indexed.
        callback_url: What to call when the job has ended.

    Raises:
        BrokerUnavailable: Nothing was accepted; the caller can send the same pictures again.
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
    numbered = list(enumerate(unique))
    return services.jobs.start(
        job,
        [(picture.id, picture.filename) for picture in unique],
        _refused(numbered),
        _tasks(services, job, numbered, waiting),
    )


def add_to_job(
    services: Services, job: Job, pictures: Sequence[ReceivedPicture], waiting: int
) -> Job:
    """Add pictures to an open job, send their tasks, and return the job.

    The job has each image once. Adding a picture again has no effect, except that its task is sent
    again if no worker has begun it: an earlier request may have been interrupted before that.

    Args:
        services: The services of the app.
        job: The job.
        pictures: The received pictures.
        waiting: The number of the tenant's images that were pending before these.

    Raises:
        NotFound: The job has expired.
        Conflict: The job is no longer open.
        BrokerUnavailable: Some pictures may have been added; the caller can send all of them again.
    """
    unique = _unique(pictures)
    indices = services.jobs.add(job.id, [(picture.id, picture.filename) for picture in unique])
    open_pictures = [
        (index, picture)
        for index, picture in zip(indices, unique, strict=True)
        if index is not None
    ]
    # If the process dies here, the upkeep sends the images (``LostTasks``).
    for task in _tasks(services, job, open_pictures, waiting):
        task.put()
    services.jobs.record(job.id, _refused(open_pictures))
    return services.jobs.get(job.id)


def _unique(pictures: Sequence[ReceivedPicture]) -> list[ReceivedPicture]:
    return list({picture.id: picture for picture in reversed(pictures)}.values())[::-1]


def _tasks(
    services: Services, job: Job, pictures: Sequence[tuple[int, ReceivedPicture]], waiting: int
) -> list[PreparedTask]:
    """Return the tasks of the usable pictures.

    Args:
        services: The services of the app.
        job: The job.
        pictures: The pictures, each with its index in the job.
        waiting: The number of the tenant's images that were pending before these.
    """
    items = [
        Item(index, picture.id, picture.filename)
        for index, picture in pictures
        if picture.error is None
    ]
    chunk_images = services.settings.chunk_images
    tasks: list[PreparedTask] = []
    for task_id, chunk in chunk_tasks(job, items, chunk_images):
        first = waiting < chunk_images
        tasks.append(
            services.dispatcher.prepare(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk, first=first)
        )
        waiting += len(chunk.items)
    return tasks


def _refused(pictures: Sequence[tuple[int, ReceivedPicture]]) -> list[Outcome]:
    """Return the outcomes of the unusable pictures."""
    return [
        Outcome.failed(index, picture.id, picture.error)
        for index, picture in pictures
        if picture.error is not None
    ]
