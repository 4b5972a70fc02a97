"""Iteration over the images of a job, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from common.jobs.base import Item, ItemState, JobRecords

# Number of items read per call.
_PAGE = 1000


def walk(jobs: JobRecords, job_id: str, state: ItemState | None = None) -> Iterator[Item]:
    """Iterate over a job's images, or those in one state.

    Raises:
        NotFound: The job does not exist or has expired.
        BrokerUnavailable: Redis does not answer.
    """
    following: int | None = 0
    while following is not None:
        items, following = jobs.items(job_id, state, _PAGE, following)
        yield from items
