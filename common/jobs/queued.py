"""The images of a job that have no outcome yet."""

from __future__ import annotations

from collections.abc import Iterator

from common.jobs.base import Item, JobRecords

# Items read at a time.
_PAGE = 1000


def queued_items(jobs: JobRecords, job_id: str) -> Iterator[Item]:
    """Go through a job's queued images, however many there are.

    Raises:
        NotFound: The job was never issued, or has expired.
        BrokerUnavailable: Redis does not answer.
    """
    following: int | None = 0
    while following is not None:
        items, following = jobs.items(job_id, "queued", _PAGE, following)
        yield from items
