"""The books of a bulk upload: what became of every file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.bulk.archives import Archive
from cli.bulk.deliver import Delivery, Lost
from cli.bulk.follow import Following
from cli.bulk.hashing import Hashed
from cli.bulk.missing import Missing
from cli.bulk.progress import UploadProgress
from cli.bulk.summary import Summary
from cli.bulk.upload_requests import Load, Parcel
from cli.pictures import Unreadable
from glimpse_client import Glimpse
from glimpse_client.answers import Item
from glimpse_client.errors import FileUnreadable, RequestRefused


class Ledger:
    """Notes what becomes of the files of one upload, and sums it up.

    Args:
        missing: Knows the pictures that need not be sent.
        following: Knows the jobs.
        unreadable: Takes what turns out to be unreadable.
    """

    def __init__(
        self, missing: Missing, following: Following, unreadable: list[Unreadable]
    ) -> None:
        self.progress = UploadProgress()
        self._missing = missing
        self._following = following
        self._unreadable = unreadable
        self._refused: list[Item] = []
        # Ids of pictures whose file was lost; another file may have the same bytes.
        self._lost: list[str] = []
        # Names of the archives, by job.
        self._archives: dict[str, str] = {}

    def hashed(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        """Count pictures while they are gone through."""
        for picture in pictures:
            self.progress.hashed += 1
            yield picture
        self.progress.all_hashed = True

    def delivered(self, delivery: Delivery) -> None:
        """Note what became of a request."""
        self.progress.sent += delivery.load.files
        self.progress.accepted += delivery.accepted
        for lost in delivery.lost:
            self._note_lost(lost)
        if delivery.refused is not None:
            self._refused.append(_refused(delivery.load, delivery.refused))
        if delivery.look is not None:
            self._following.begin(delivery.look)
            if isinstance(delivery.load, Archive):
                self._archives[delivery.look.job.id] = delivery.load.name

    def replacements(self) -> Iterator[Parcel]:
        """Return other files with the bytes of lost ones; they are known once all are hashed."""
        while self._lost:
            picture = self._missing.another(self._lost.pop())
            if picture is not None:
                yield Parcel((picture,))

    def sum_up(self, client: Glimpse, seconds: float) -> Summary:
        """Return what became of everything, once all jobs have ended.

        Args:
            client: Asked for the images that failed.
            seconds: How long it took.
        """
        failures = [
            *(_unsent(file.name, file.reason) for file in self._unreadable),
            *self._with_copies(self._refused),
            *self._with_copies(self._failed(client)),
        ]
        return Summary(
            jobs=self._following.jobs,
            failures=failures,
            known=self._missing.known,
            copies=self._missing.copies,
            sent=self.progress.accepted,
            seconds=seconds,
        )

    def _note_lost(self, lost: Lost) -> None:
        self._unreadable.append(Unreadable(lost.name, lost.reason))
        if isinstance(lost.source, Hashed):
            self._lost.append(lost.source.id)

    def _failed(self, client: Glimpse) -> Iterator[Item]:
        for job in self._following.jobs:
            if job.failed:
                yield from client.items(job.id, state="failed")
            elif job.state == "failed":
                # An archive that could not be opened has no images to say so.
                name = self._archives.get(job.id, f"job {job.id}")
                detail = "The job failed as a whole; the server's log says why."
                yield Item(id="", filename=name, state="failed", code="job_failed", detail=detail)

    def _with_copies(self, failures: Iterable[Item]) -> Iterator[Item]:
        """Add the files that were not sent because one with their bytes was, in vain."""
        for item in failures:
            yield item
            for copy in self._missing.forget_copies(item.id):
                yield item.model_copy(update={"filename": copy.picture.name})


def _unsent(name: str, reason: str) -> Item:
    return Item(id="", filename=name, state="failed", code=FileUnreadable.code, detail=reason)


def _refused(load: Load, error: RequestRefused) -> Item:
    """Describe a file that was alone in its request."""
    if isinstance(load, Archive):
        image_id, name = "", load.name
    else:
        image_id, name = load.pictures[0].id, load.pictures[0].picture.name
    return Item(id=image_id, filename=name, state="failed", code=error.code, detail=error.detail)
