"""Records the outcome of every file of a bulk upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.bulk.archives import Archive
from cli.bulk.deliver import Delivery, LostFile
from cli.bulk.follow import FollowedJobs
from cli.bulk.hashing import Hashed
from cli.bulk.missing import Missing
from cli.bulk.pictures import Unreadable
from cli.bulk.progress import UploadProgress
from cli.bulk.summary import Summary
from cli.bulk.upload_requests import KnownSet, PictureSet
from glimpse_client import Glimpse
from glimpse_client.answers import Item
from glimpse_client.errors import FileUnreadable, RequestRefused


class Tally:
    """Counts the files of an upload, records failures, and creates the summary.

    Args:
        missing: The pictures that are not sent, and why.
        jobs: The jobs of the upload.
        unreadable: Receives the files that cannot be read.
    """

    def __init__(self, missing: Missing, jobs: FollowedJobs, unreadable: list[Unreadable]) -> None:
        self.progress = UploadProgress()
        self._missing = missing
        self._jobs = jobs
        self._unreadable = unreadable
        self._refused: list[Item] = []
        # IDs of pictures whose file was lost; another file may have the same bytes.
        self._lost: list[str] = []
        # Names of archives by job ID.
        self._archives: dict[str, str] = {}

    def count_hashed(self, pictures: Iterable[Hashed]) -> Iterator[Hashed]:
        """Yield the pictures and count them."""
        for picture in pictures:
            self.progress.hashed += 1
            yield picture
        self.progress.all_hashed = True

    def record(self, delivery: Delivery) -> None:
        """Record the outcome of an upload request."""
        self.progress.sent += delivery.request.files
        self.progress.accepted += delivery.accepted
        for lost in delivery.lost:
            self._add_lost(lost)
        if delivery.refused is not None and not isinstance(delivery.request, KnownSet):
            self._refused.append(_refused_item(delivery.request, delivery.refused))
        if delivery.look is not None:
            self._jobs.begin(delivery.look)
            if isinstance(delivery.request, Archive):
                self._archives[delivery.look.job.id] = delivery.request.name

    def replacements(self) -> Iterator[PictureSet]:
        """Yield other files with the same bytes as lost ones; call it once all files are hashed."""
        while self._lost:
            picture = self._missing.pop_copy(self._lost.pop())
            if picture is not None:
                yield PictureSet((picture,))

    def summarize(self, client: Glimpse, seconds: float) -> Summary:
        """Return the summary; call it once all jobs have ended.

        Args:
            client: Fetches the failed images.
            seconds: Duration of the upload.
        """
        failures = [
            *(_unreadable_item(file.name, file.reason) for file in self._unreadable),
            *self._with_copies(self._refused),
            *self._with_copies(self._failed(client)),
        ]
        return Summary(
            jobs=self._jobs.jobs,
            failures=failures,
            known=self._missing.known,
            copies=self._missing.copies,
            sent=self.progress.accepted,
            seconds=seconds,
        )

    def _add_lost(self, lost: LostFile) -> None:
        self._unreadable.append(Unreadable(lost.name, lost.reason))
        if isinstance(lost.source, Hashed):
            self._lost.append(lost.source.id)

    def _failed(self, client: Glimpse) -> Iterator[Item]:
        for job in self._jobs.jobs:
            if job.failed:
                yield from client.items(job.id, state="failed")
            elif job.state == "failed":
                # An archive that cannot be opened has no images to report the failure.
                name = self._archives.get(job.id, f"job {job.id}")
                detail = "The whole job failed; see the server's log."
                yield Item(id="", filename=name, state="failed", code="job_failed", detail=detail)

    def _with_copies(self, failures: Iterable[Item]) -> Iterator[Item]:
        """Add the files that were not sent because a failed one has the same bytes."""
        for item in failures:
            yield item
            for copy in self._missing.pop_copies(item.id):
                yield item.model_copy(update={"filename": copy.picture.name})


def _unreadable_item(name: str, reason: str) -> Item:
    return Item(id="", filename=name, state="failed", code=FileUnreadable.code, detail=reason)


def _refused_item(request: PictureSet | Archive, error: RequestRefused) -> Item:
    """Return an item for the only file of a refused request."""
    if isinstance(request, Archive):
        image_id, name = "", request.name
    else:
        image_id, name = request.pictures[0].id, request.pictures[0].picture.name
    return Item(id=image_id, filename=name, state="failed", code=error.code, detail=error.detail)
