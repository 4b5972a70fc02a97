"""The tasks of a job: their ids and payloads.

An id identifies a task in logs, and names its job. Nothing reads the results of ingest tasks, so a
task that is sent again has the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from common.contract import (
    IMAGES_EDIT,
    INGEST_ARCHIVE,
    ChunkItem,
    EditImages,
    IngestArchive,
    IngestChunk,
    ingest_version,
)
from common.jobs.base import Item, Job
from common.pages import pages


def chunk_tasks(
    source: Job | IngestArchive, items: Sequence[Item], size: int
) -> Iterator[tuple[str, IngestChunk]]:
    """Split images of a job into chunks; yield the task id and payload of each chunk.

    Args:
        source: The job, or the archive that contains the images; it provides their tags and
            metadata, and what to do with duplicates.
        items: Some or all of its images.
        size: Maximum number of images per task.
    """
    job_id = source.id if isinstance(source, Job) else source.job_id
    for some in pages(items, size):
        chunk = IngestChunk(
            version=ingest_version(source.on_duplicate, source.tags, source.metadata),
            job_id=job_id,
            tenant=source.tenant,
            items=[
                ChunkItem(index=item.index, id=item.id, filename=item.filename) for item in some
            ],
            tags=list(source.tags),
            metadata=dict(source.metadata),
            on_duplicate=source.on_duplicate,
        )
        yield chunk_task_id(chunk), chunk


def chunk_task_id(chunk: IngestChunk) -> str:
    """Return the id of the task that ingests a chunk."""
    return f"{chunk.job_id}.{chunk.items[0].index}"


def archive_task_id(job_id: str) -> str:
    """Return the id of the task that unpacks a job's archive."""
    return f"{job_id}.archive"


def edit_task_id(job_id: str) -> str:
    """Return the id of the task that changes a job's images."""
    return f"{job_id}.edit"


def source_task(job: Job) -> tuple[str, str, EditImages | IngestArchive]:
    """Return the name, the id and the payload of the task that adds a job's images."""
    source = job.source or ""
    if job.kind == "ingest":
        archive = IngestArchive.model_validate_json(source)
        return INGEST_ARCHIVE, archive_task_id(job.id), archive
    return IMAGES_EDIT, edit_task_id(job.id), EditImages.model_validate_json(source)


def job_of_task(task_id: str) -> str:
    """Return the job of an ingest task; no job's id for any other task."""
    return task_id.partition(".")[0]
