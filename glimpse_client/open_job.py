"""An open job, filled by any number of uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from glimpse_client.answers import Job
from glimpse_client.sources import Source

if TYPE_CHECKING:
    from glimpse_client.glimpse import Glimpse


class OpenJob:
    """A job that takes uploads until it is completed; safe to share between threads.

    As a context manager it completes the job at the end of the block, except after an error:
    then the job stays open, to be resumed, and the server completes it after a time.

    Args:
        glimpse: The client.
        job: The job as it was opened.

    Attributes:
        id: The job's id.
    """

    def __init__(self, glimpse: Glimpse, job: Job) -> None:
        self._glimpse = glimpse
        self.id = job.id

    def upload(self, *pictures: Source, idempotency_key: str | None = None) -> Job:
        """Add pictures to the job in one request; return the job. See ``Glimpse.upload``.

        Pictures that the job has already are not added again.
        """
        return self._glimpse.upload(*pictures, job=self.id, idempotency_key=idempotency_key)

    def complete(self) -> Job:
        """Complete the job, so that it ends once all of its pictures have an outcome; return it."""
        return self._glimpse.complete(self.id)

    def __enter__(self) -> Self:
        """Return the open job."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the job unless the block has failed."""
        if kind is None:
            self.complete()
