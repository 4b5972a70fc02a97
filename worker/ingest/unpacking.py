"""Ingest of archives: their pictures are added to the job while they are unpacked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from common.blobs.base import BlobStore
from common.broker.sender import Send
from common.claims.base import Claim, Claims, Verdict
from common.contract import INGEST_CHUNK, ArchiveResult, IngestArchive, Outcome
from common.errors import (
    ArchiveError,
    BlobsUnavailable,
    EncoderError,
    GlimpseError,
    ImageError,
    ImagesBusy,
    NotFound,
    Quarantined,
)
from common.images.received import PictureWriter, ReceivedPicture
from common.jobs.base import Item, JobRecords
from common.jobs.tasks import chunk_tasks
from worker.archives.limits import ArchiveLimits
from worker.archives.member import Member
from worker.archives.reader import read_archive
from worker.archives.skipped import Skipped
from worker.ingest.deliveries import Interrupted
from worker.originals import other_store


@dataclass(slots=True)
class _Unpacking:
    """One pass over an archive."""

    archive: IngestArchive
    owner: str
    # Ids of the images so far: the same bytes twice in an archive are one image.
    seen: set[bytes] = field(default_factory=set)
    # Images to add to the job next, and the index of the first of them.
    batch: list[ReceivedPicture] = field(default_factory=list)
    index: int = 0
    # What the archive contains besides pictures.
    skipped: Skipped = field(default_factory=Skipped)


class ArchiveIngest:
    """Runs ``ingest.archive``: unpacks a stream and sends a chunk for every few images.

    The order of an archive's members is stable, so an interrupted pass starts
    over: images keep the indices they already have, and only those new to the
    job are sent.

    Args:
        archives: Holds the archives, each under its job's id.
        blobs: Receives the images.
        jobs: The job records, to which images are added.
        claims: Counts the attempts at an archive in which a worker died.
        send: Puts a task into the ingest queue.
        closing: Returns whether the worker is shutting down.
        limits: Limits on the contents of an archive.
        image_bytes_max: Maximum bytes of a picture.
        chunk_images: Number of images per task.
    """

    def __init__(
        self,
        *,
        archives: BlobStore,
        blobs: BlobStore,
        jobs: JobRecords,
        claims: Claims,
        send: Send,
        closing: Callable[[], bool],
        limits: ArchiveLimits,
        image_bytes_max: int,
        chunk_images: int,
    ) -> None:
        self._archives = archives
        self._blobs = blobs
        self._jobs = jobs
        self._claims = claims
        self._send = send
        self._closing = closing
        self._limits = limits
        self._image_bytes_max = image_bytes_max
        self._chunk_images = chunk_images

    def run(self, archive: IngestArchive, owner: str) -> ArchiveResult:
        """Unpack an archive; idempotent.

        Args:
            archive: The archive.
            owner: The owner of its claim; the same when it is retried.

        Raises:
            ImagesBusy: Another worker is unpacking it.
            Interrupted: The worker is shutting down.
            ServiceError: A part of the service is unavailable; retry later.
        """
        if not self._jobs.begin(archive.job_id, []):
            return self._end(archive, 0)
        verdict = self._claim(archive, owner)
        if verdict is Verdict.BUSY:
            raise _busy()
        if verdict is Verdict.QUARANTINED:
            self._claims.forget(archive.tenant, [archive.job_id])
            error = Quarantined(
                "Workers died each time they unpacked this archive; upload its pictures separately."
            )
            return self._fail(archive, self._jobs.get(archive.job_id).total, error)
        try:
            result = self._unpack(_Unpacking(archive, owner))
        except BaseException:
            self._claims.give_back(owner, archive.tenant, [archive.job_id])
            raise
        self._settle(archive, owner)
        return result

    def give_up(self, archive: IngestArchive) -> ArchiveResult:
        """End an archive that cannot be unpacked; images already added to the job stay."""
        error = EncoderError("The worker failed on this archive; see its log.")
        return self._fail(archive, self._jobs.get(archive.job_id).total, error)

    def _claim(self, archive: IngestArchive, owner: str) -> Verdict:
        # Suspects are granted without isolation, because an archive takes too long to run alone;
        # so a task that ran concurrently may have killed the worker.
        return self._claims.take(owner, archive.tenant, [archive.job_id], alone=True)[0]

    def _unpack(self, unpacking: _Unpacking) -> ArchiveResult:
        archive = unpacking.archive
        try:
            with self._opened(archive) as file:
                members = read_archive(file, archive.format, self._limits, unpacking.skipped)
                for member in members:
                    if not self._add(unpacking, self._receive(archive, member)):
                        return self._end(archive, len(unpacking.seen), unpacking.skipped)
        except NotFound as error:
            # A fully unpacked archive has been removed; its job has stopped growing by then. So has
            # one of a refused upload; its job's record has expired.
            if self._is_growing(archive.job_id):
                raise other_store(f"archive {archive.filename}") from error
            return self._end(archive, 0)
        except ArchiveError as error:
            self._extend_job(unpacking)
            return self._fail(archive, unpacking.index, error, unpacking.skipped)
        self._extend_job(unpacking)
        return self._end(archive, len(unpacking.seen), unpacking.skipped)

    def _is_growing(self, job_id: str) -> bool:
        try:
            return self._jobs.get(job_id).growing
        except NotFound:
            return False

    @contextmanager
    def _opened(self, archive: IngestArchive) -> Iterator[BinaryIO]:
        with self._archives.open(archive.tenant, archive.job_id) as file:
            try:
                yield file
            except OSError as error:
                raise BlobsUnavailable(f"The archive cannot be read: {error}.") from error

    def _receive(self, archive: IngestArchive, member: Member) -> ReceivedPicture:
        """Store a picture's bytes; if they are unusable, the returned picture has the error."""
        picture = PictureWriter(self._blobs.writer(archive.tenant), self._image_bytes_max)
        try:
            while not picture.is_full and (data := member.read()):
                picture.write(data)
            return picture.finish(member.filename)
        except ImageError as error:
            # The bytes are unreadable, so derive the id from the member's path.
            path = f"{archive.id}/{member.filename}".encode()
            image_id = hashlib.sha256(path).hexdigest()
            return ReceivedPicture(image_id, member.filename or image_id[:12], error)
        finally:
            picture.close()

    def _add(self, unpacking: _Unpacking, picture: ReceivedPicture) -> bool:
        """Add a picture to the batch; return whether to continue."""
        digest = bytes.fromhex(picture.id)
        if digest in unpacking.seen:
            return True
        unpacking.seen.add(digest)
        unpacking.batch.append(picture)
        if len(unpacking.batch) < self._chunk_images:
            return True
        self._extend_job(unpacking)
        if self._closing():
            raise Interrupted("The worker is shutting down.")
        # False if the job has been cancelled; otherwise this marks it as still running.
        return self._jobs.begin(unpacking.archive.job_id, [])

    def _extend_job(self, unpacking: _Unpacking) -> None:
        """Add the batch to the job, and send its tasks if it is new to the job."""
        archive, batch, index = unpacking.archive, unpacking.batch, unpacking.index
        if not self._claims.confirm([Claim(unpacking.owner, archive.tenant, archive.job_id)])[0]:
            raise _busy()
        unpacking.batch, unpacking.index = [], index + len(batch)
        items = [(picture.id, picture.filename) for picture in batch]
        added = self._jobs.extend(archive.job_id, index, items)
        # Also if nothing was added: an earlier pass may have been interrupted after extend().
        self._jobs.record(
            archive.job_id,
            [
                Outcome.failed(index + offset, picture.id, picture.error)
                for offset, picture in enumerate(batch)
                if picture.error is not None
            ],
        )
        if not added:
            return
        self._reset_attempts(unpacking)
        good = [
            Item(index + offset, picture.id, picture.filename)
            for offset, picture in enumerate(batch)
            if picture.error is None
        ]
        # If the worker dies before this, the upkeep sends the images (``LostTasks``).
        for task_id, chunk in chunk_tasks(archive, good, self._chunk_images):
            self._send(INGEST_CHUNK, task_id, chunk)

    def _reset_attempts(self, unpacking: _Unpacking) -> None:
        """Reset the attempts: only an archive on which no pass makes progress is at fault."""
        archive, owner = unpacking.archive, unpacking.owner
        self._settle(archive, owner)
        if self._claim(archive, owner) is not Verdict.GRANTED:
            raise _busy()

    def _settle(self, archive: IngestArchive, owner: str) -> None:
        # No row has an archive's key.
        self._claims.settle(owner, archive.tenant, {archive.job_id: ""})

    def _fail(
        self,
        archive: IngestArchive,
        index: int,
        error: GlimpseError,
        skipped: Skipped | None = None,
    ) -> ArchiveResult:
        """End a failed archive: it becomes the job's last item, with its own error."""
        self._jobs.extend(archive.job_id, index, [(archive.id, archive.filename)])
        self._jobs.record(archive.job_id, [Outcome.failed(index, archive.id, error)])
        return self._end(archive, index, skipped)

    def _end(
        self, archive: IngestArchive, images: int, skipped: Skipped | None = None
    ) -> ArchiveResult:
        self._jobs.complete(archive.job_id, skipped.counts if skipped else None)
        self._archives.delete(archive.tenant, archive.job_id)
        return ArchiveResult(images=images)


def _busy() -> ImagesBusy:
    return ImagesBusy("Another worker is unpacking this archive.")
