"""Sends one upload request, even if some of its files have become unreadable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.bulk.archives import Archive
from cli.bulk.hashing import Hashed
from cli.bulk.shared_job import CANCELLED, SharedJob
from cli.bulk.upload_requests import KnownSet, PictureSet, UploadRequest
from cli.bulk.wanted import Wanted
from glimpse_client import Glimpse
from glimpse_client.answers import Look
from glimpse_client.errors import FileUnreadable, RequestRefused

# Statuses that concern the files rather than the client or the server, and so do not end the
# upload. Bad pictures fail later, one by one, but a request may contain too many of them; an
# archive may be invalid as a whole.
_FILE_ERRORS: Mapping[type[UploadRequest], frozenset[int]] = {
    PictureSet: frozenset({413}),
    Archive: frozenset({400, 413, 415, 422}),
    KnownSet: frozenset(),
}


@dataclass(frozen=True, slots=True)
class LostFile:
    """A file that was readable when it was found and no longer is."""

    source: Hashed | Archive
    # The operating system's message.
    reason: str

    @property
    def name(self) -> str:
        """The file's name on the server."""
        return self.source.name if isinstance(self.source, Archive) else self.source.picture.name


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one upload request."""

    request: UploadRequest
    # The job that has the files, if any.
    look: Look | None = None
    lost: tuple[LostFile, ...] = ()
    # The server's error if it rejects these files but may accept others.
    refused: RequestRefused | None = None
    # Whether the job was cancelled, so that the server takes no more files.
    cancelled: bool = False

    @property
    def accepted(self) -> int:
        """The number of files that the server accepted."""
        return self.request.files - len(self.lost) if self.look else 0


def deliver(client: Glimpse, request: UploadRequest, job: SharedJob) -> Delivery:
    """Send one upload request without the files that have become unreadable.

    Raises:
        ClientError: The server refused the request, or was unavailable for too long.
    """
    try:
        if isinstance(request, KnownSet):
            return Delivery(request, Look(client.edit(request.ids, add_tags=job.wanted.tags)))
        if isinstance(request, Archive):
            return _deliver_archive(client, request, job.wanted)
        return _deliver_pictures(request, job)
    except RequestRefused as error:
        if error.code == CANCELLED:
            return Delivery(request, cancelled=True)
        if error.status not in _FILE_ERRORS[type(request)]:
            raise
        return Delivery(request, refused=error)


def _deliver_archive(client: Glimpse, archive: Archive, wanted: Wanted) -> Delivery:
    try:
        job = client.upload_archive(
            (archive.name, archive.path),
            media_type=archive.media_type,
            on_duplicate=wanted.on_duplicate,
        )
        return Delivery(archive, Look(job))
    except FileUnreadable as error:
        return Delivery(archive, lost=(LostFile(archive, error.reason),))


def _deliver_pictures(request: PictureSet, job: SharedJob) -> Delivery:
    remaining = {hashed.picture.path: hashed for hashed in request.pictures}
    lost: list[LostFile] = []
    while remaining:
        try:
            return Delivery(request, Look(job.upload(*remaining.values())), tuple(lost))
        except FileUnreadable as error:
            # The server accepted none of the files, so send the others again.
            lost.append(LostFile(remaining.pop(error.path), error.reason))
    return Delivery(request, lost=tuple(lost))
