"""The job of a bulk upload, which all of its requests add to."""

from __future__ import annotations

import threading
from itertools import chain, islice

from cli.bulk.hashing import Hashed
from cli.bulk.wanted import Wanted
from glimpse_client import Glimpse, OpenJob
from glimpse_client.answers import Job, Look
from glimpse_client.errors import RequestRefused

# The server's codes for an open job that takes no more pictures.
_COMPLETE, CANCELLED = "job_complete", "job_cancelled"
# States of items whose image was indexed; it may have been deleted, or its file renamed, since.
_INDEXED = frozenset({"indexed", "duplicate"})
# Newest jobs among which those of earlier runs are looked for: one page.
_NEWEST = 1000


class SharedJob:
    """Opens a job for the first request, unless an earlier run has left one open under its name.

    Args:
        client: Connects to the server.
        name: The job's name; None for a job that no other run resumes.
        wanted: What the job stores with its pictures.
    """

    def __init__(self, client: Glimpse, name: str | None, wanted: Wanted) -> None:
        self._client = client
        self._name = name
        self.wanted = wanted
        self._job: OpenJob | None = None
        self._resumed: OpenJob | None = None
        # IDs of the pictures that the jobs of earlier runs have indexed.
        self._indexed: set[bytes] = set()
        # Held while the job is opened.
        self._lock = threading.Lock()

    def resume(self) -> tuple[list[Look], set[bytes], set[bytes]]:
        """Find the jobs of earlier runs that have not ended.

        Return them, and the ids of the pictures that they have not indexed, and that they have.
        One of them may be open, and is added to. One that was cancelled is left alone, even if a
        worker still has one of its pictures. The ids are bytes, which need half the memory of text.
        """
        if self._name is None:
            return [], set(), set()
        newest = islice(self._client.jobs(), _NEWEST)
        named = (job for job in newest if job.name == self._name)
        found = [job.id for job in named if not (job.ended or job.cancelled)]
        self._job = self._resumed = self._client.find_open_job(self._name)
        if self._job is not None and self._job.id not in found:
            found.append(self._job.id)
        sent: set[bytes] = set()
        for item in chain.from_iterable(map(self._client.items, found)):
            (self._indexed if item.state in _INDEXED else sent).add(bytes.fromhex(item.id))
        return [self._client.look(job_id) for job_id in reversed(found)], sent, self._indexed

    def upload(self, *pictures: Hashed) -> Job:
        """Add pictures to the job, and return it.

        Raises:
            RequestRefused: The server takes none of the pictures, for example because the job was
                cancelled.
        """
        named = [(each.picture.name, each.picture.path) for each in pictures]
        job = self._opened()
        if job is self._resumed and any(
            bytes.fromhex(each.id) in self._indexed for each in pictures
        ):
            # A job takes each picture once, and this one has indexed it already.
            job.complete()
            job = self._opened(instead_of=job)
        try:
            return job.upload(*named)
        except RequestRefused as error:
            if error.code != _COMPLETE:
                raise
        # Another run has completed it, or the server has, because this one paused for hours.
        return self._opened(instead_of=job).upload(*named)

    def complete(self) -> list[Look]:
        """Complete the job if one was opened, and return it."""
        if self._job is None:
            return []
        try:
            return [Look(self._job.complete())]
        except RequestRefused as error:
            if error.code != CANCELLED:
                raise
            return [self._client.look(self._job.id)]

    def _opened(self, instead_of: OpenJob | None = None) -> OpenJob:
        with self._lock:
            if self._job is None or self._job is instead_of:
                self._job = self._client.open_job(
                    self._name, tags=self.wanted.tags, on_duplicate=self.wanted.on_duplicate
                )
            return self._job
