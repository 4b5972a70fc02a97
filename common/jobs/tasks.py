"""The tasks of a job: which images each carries, and its id.

An id says in logs what a task is about. Nothing reads an id or looks for the result of an ingest
task, so a task that is sent again has the id that it had before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from common.contract import ChunkItem, IngestChunk, MetadataValue
from common.jobs.base import Item
from common.pages import pages


def chunk_tasks(
    job_id: str,
    items: Sequence[Item],
    size: int,
    *,
    tenant: str,
    tags: Sequence[str],
    metadata: Mapping[str, MetadataValue],
) -> Iterator[tuple[str, IngestChunk]]:
    """Cut images of a job into chunks; yield the id and the payload of each one's task.

    Args:
        job_id: The job.
        items: Its images, or some of them.
        size: Images that one task carries, at most.
        tenant: Whose images they are.
        tags: Tags of all of them.
        metadata: What else is kept beside each of them.
    """
    for some in pages(items, size):
        chunk = IngestChunk(
            job_id=job_id,
            tenant=tenant,
            items=[
                ChunkItem(index=item.index, id=item.id, filename=item.filename) for item in some
            ],
            tags=list(tags),
            metadata=dict(metadata),
        )
        yield f"{job_id}.{some[0].index}", chunk


def archive_task_id(job_id: str) -> str:
    """Return the id of the task that unpacks a job's archive."""
    return f"{job_id}.archive"
