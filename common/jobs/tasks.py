"""The tasks of a job: which images each carries, and its id.

An id says in logs what a task is about. Nothing reads an id or looks for the result of an ingest
task, so a task that is sent again has the id that it had before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from common.contract import ChunkItem, IngestArchive, IngestChunk
from common.jobs.base import Item, Job
from common.pages import pages


def chunk_tasks(
    source: Job | IngestArchive, items: Sequence[Item], size: int
) -> Iterator[tuple[str, IngestChunk]]:
    """Cut images of a job into chunks; yield the id and the payload of each one's task.

    Args:
        source: The job, or the archive that the images come out of: it says what is kept
            beside them.
        items: Its images, or some of them.
        size: Images that one task carries, at most.
    """
    job_id = source.id if isinstance(source, Job) else source.job_id
    for some in pages(items, size):
        chunk = IngestChunk(
            job_id=job_id,
            tenant=source.tenant,
            items=[
                ChunkItem(index=item.index, id=item.id, filename=item.filename) for item in some
            ],
            tags=list(source.tags),
            metadata=dict(source.metadata),
        )
        yield f"{job_id}.{some[0].index}", chunk


def archive_task_id(job_id: str) -> str:
    """Return the id of the task that unpacks a job's archive."""
    return f"{job_id}.archive"
