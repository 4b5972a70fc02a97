"""The images of a job, however many there are."""

from __future__ import annotations

from collections.abc import Iterator

from common.jobs.base import Item, ItemState, JobRecords

# Items read at a time.
_PAGE = 1000


def walk(jobs: JobRecords, job_id: str, state: ItemState | None = None) -> Iterator[Item]:
    """Go through a job's images, or those in one state.

    Raises:
        NotFound: The job was never issued, or has expired.
        BrokerUnavailable: Redis does not answer.
    """
    following: int | None = 0
    while following is not None:
        items, following = jobs.items(job_id, state, _PAGE, following)
        yield from items
