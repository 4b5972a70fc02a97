"""Archives: their pictures join the job one by one while they are unpacked."""

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
from worker.ingest.deliveries import Interrupted


@dataclass(slots=True)
class _Unpacking:
    """One walk through an archive."""

    archive: IngestArchive
    owner: str
    # Ids of the images so far: the same bytes twice in an archive are one image.
    seen: set[bytes] = field(default_factory=set)
    # Images that are to be handed over next, and the index of the first of them.
    batch: list[ReceivedPicture] = field(default_factory=list)
    index: int = 0


class ArchiveIngest:
    """Runs ``ingest.archive``: unpacks as a stream, and sends a chunk for every few images.

    The order of an archive does not change, so a walk that was cut short is done
    again from the start: images take the indices they have already, and only
    those that are new to the job are sent.

    Args:
        archives: Where archives wait, each under its job's id.
        blobs: Where the images go.
        jobs: Records that grow.
        claims: Counts the attempts at an archive that end in a death.
        send: Puts a task into the ingest queue.
        closing: Tells whether the worker is to end.
        limits: What one archive may unpack to.
        image_bytes_max: Bytes of one picture, at most.
        chunk_images: Images that one task carries.
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
        """Unpack an archive; running it again changes nothing.

        Args:
            archive: Which.
            owner: Who claims it; the same when it is tried again.

        Raises:
            ImagesBusy: Another worker unpacks it.
            Interrupted: The worker ends.
            ServiceError: A part is away; run it again later.
        """
        if not self._jobs.begin(archive.job_id, []):
            return self._end(archive, 0)
        verdict = self._claim(archive, owner)
        if verdict is Verdict.BUSY:
            raise _busy()
        if verdict is Verdict.QUARANTINED:
            self._claims.forget(archive.tenant, [archive.job_id])
            return self._fail(archive, self._jobs.get(archive.job_id).total, Quarantined(_deadly()))
        try:
            result = self._unpack(_Unpacking(archive, owner))
        except BaseException:
            self._claims.give_back(owner, archive.tenant, [archive.job_id])
            raise
        self._settle(archive, owner)
        return result

    def give_up(self, archive: IngestArchive) -> ArchiveResult:
        """End an archive that cannot be unpacked; what came out of it stays."""
        error = EncoderError("The worker failed on this archive; its log says why.")
        return self._fail(archive, self._jobs.get(archive.job_id).total, error)

    def _claim(self, archive: IngestArchive, owner: str) -> Verdict:
        # An archive takes long: others may be in hand beside it, and may be deadly.
        return self._claims.take(owner, archive.tenant, [archive.job_id], alone=True)[0]

    def _unpack(self, unpacking: _Unpacking) -> ArchiveResult:
        archive = unpacking.archive
        try:
            with self._opened(archive) as file:
                for member in read_archive(file, archive.format, self._limits):
                    if not self._take(unpacking, self._receive(archive, member)):
                        return self._end(archive, len(unpacking.seen))
        except NotFound as error:
            # Unpacked to its end it is removed, and its job grows no more by then.
            if self._jobs.get(archive.job_id).growing:
                raise BlobsUnavailable(
                    f"The bytes of archive {archive.filename} are not in this worker's blob store; "
                    "give the API and all workers the same GLIMPSE_BLOBS_DIR."
                ) from error
            return self._end(archive, 0)
        except ArchiveError as error:
            self._hand_over(unpacking)
            return self._fail(archive, unpacking.index, error)
        self._hand_over(unpacking)
        return self._end(archive, len(unpacking.seen))

    @contextmanager
    def _opened(self, archive: IngestArchive) -> Iterator[BinaryIO]:
        with self._archives.open(archive.tenant, archive.job_id) as file:
            try:
                yield file
            except OSError as error:
                raise BlobsUnavailable(f"The archive cannot be read: {error}.") from error

    def _receive(self, archive: IngestArchive, member: Member) -> ReceivedPicture:
        """Bring a picture into the blob store; what cannot be used is told in the picture."""
        picture = PictureWriter(self._blobs.writer(archive.tenant), self._image_bytes_max)
        try:
            while not picture.is_full and (data := member.read()):
                picture.write(data)
            return picture.finish(member.filename)
        except ImageError as error:
            # Its bytes are not to be had: it is known by where it stands.
            place = f"{archive.id}/{member.filename}".encode()
            image_id = hashlib.sha256(place).hexdigest()
            return ReceivedPicture(image_id, member.filename or image_id[:12], error)
        finally:
            picture.close()

    def _take(self, unpacking: _Unpacking, picture: ReceivedPicture) -> bool:
        """Take an image on; return whether to go on."""
        digest = bytes.fromhex(picture.id)
        if digest in unpacking.seen:
            return True
        unpacking.seen.add(digest)
        unpacking.batch.append(picture)
        if len(unpacking.batch) < self._chunk_images:
            return True
        self._hand_over(unpacking)
        if self._closing():
            raise Interrupted("The worker ends.")
        # The job may have been cancelled; if not, this tells that it goes on.
        return self._jobs.begin(unpacking.archive.job_id, [])

    def _hand_over(self, unpacking: _Unpacking) -> None:
        """Let a batch join the job, and send its task if it is new to it."""
        archive, batch, index = unpacking.archive, unpacking.batch, unpacking.index
        if not self._claims.confirm([Claim(unpacking.owner, archive.tenant, archive.job_id)])[0]:
            raise _busy()
        unpacking.batch, unpacking.index = [], index + len(batch)
        items = [(picture.id, picture.filename) for picture in batch]
        added = self._jobs.extend(archive.job_id, index, items)
        # Also on a second walk: the first may have ended between these two steps.
        self._jobs.record(
            archive.job_id,
            [
                Outcome.failed(index + place, picture.id, picture.error)
                for place, picture in enumerate(batch)
                if picture.error is not None
            ],
        )
        if not added:
            return
        self._got_further(unpacking)
        good = [
            Item(index + place, picture.id, picture.filename)
            for place, picture in enumerate(batch)
            if picture.error is None
        ]
        # If the worker dies before this, the upkeep sends the images (``LostTasks``).
        for task_id, chunk in chunk_tasks(archive, good, self._chunk_images):
            self._send(INGEST_CHUNK, task_id, chunk)

    def _got_further(self, unpacking: _Unpacking) -> None:
        """Count attempts anew: an archive is at fault only where its walk always ends."""
        archive, owner = unpacking.archive, unpacking.owner
        self._settle(archive, owner)
        if self._claim(archive, owner) is not Verdict.GRANTED:
            raise _busy()

    def _settle(self, archive: IngestArchive, owner: str) -> None:
        # No row has an archive's key.
        self._claims.settle(owner, archive.tenant, {archive.job_id: ""})

    def _fail(self, archive: IngestArchive, index: int, error: GlimpseError) -> ArchiveResult:
        """End an archive that breaks off: it stands behind its images with its own reason."""
        self._jobs.extend(archive.job_id, index, [(archive.id, archive.filename)])
        self._jobs.record(archive.job_id, [Outcome.failed(index, archive.id, error)])
        return self._end(archive, index)

    def _end(self, archive: IngestArchive, images: int) -> ArchiveResult:
        self._jobs.complete(archive.job_id)
        self._archives.delete(archive.tenant, archive.job_id)
        return ArchiveResult(images=images)


def _busy() -> ImagesBusy:
    return ImagesBusy("Another worker unpacks this archive.")


def _deadly() -> str:
    return "Workers died whenever they unpacked this archive; send its pictures by themselves."
