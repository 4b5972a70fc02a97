"""Archive uploads: one body whose members become the images of one job."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from api.schemas.body import UploadQuery
from api.services import Services
from common.blobs.base import BlobWriter
from common.contract import (
    INGEST_ARCHIVE,
    INGEST_QUEUE,
    IngestArchive,
    OnDuplicate,
    ingest_version,
)
from common.errors import InvalidRequest
from common.images.archive_formats import (
    ARCHIVE_HEAD_BYTES,
    ARCHIVE_TAIL_BYTES,
    ArchiveKind,
    begins_an_archive,
    ends_as_zip,
    is_foreign_archive,
    sniff_archive,
)
from common.images.filenames import clean_filename
from common.jobs.base import Job
from common.jobs.tasks import archive_task_id
from common.logs.context import current_request

# Bytes read from the connection at a time: few system calls, little memory.
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedArchive:
    """An archive that was received and whose job is not accepted yet."""

    services: Services
    tenant: str
    writer: BlobWriter
    id: str
    kind: ArchiveKind
    filename: str
    on_duplicate: OnDuplicate
    callback_url: str | None

    @property
    def content(self) -> Sequence[object]:
        """The digest of the archive's bytes."""
        return [self.id]

    def begin(self, job_id: str) -> Job:
        """Store the archive, send the task that unpacks it, and return the job.

        Raises:
            BrokerUnavailable: Nothing was accepted; send the request again.
        """
        self.writer.commit(job_id)
        name = clean_filename(self.filename)
        archive = IngestArchive(
            version=ingest_version(self.on_duplicate, [], {}),
            job_id=job_id,
            tenant=self.tenant,
            id=self.id,
            format=self.kind,
            filename=name or self.id[:12],
            on_duplicate=self.on_duplicate,
        )
        return _begin(self.services, archive, name or None, self.callback_url)

    def close(self) -> None:
        """Discard the archive unless it was stored."""
        self.writer.discard()


def receive_archive(
    services: Services, tenant: str, request: Request, query: UploadQuery
) -> ReceivedArchive:
    """Receive a body that is an archive.

    Raises:
        ArchiveError: The format is not supported; raised before the whole body is received if the
            first bytes tell it.
        InvalidRequest: The body is incomplete.
    """
    writer = services.archives.writer(tenant)
    try:
        archive_id, kind = _receive(request, writer)
    except BaseException:
        writer.discard()
        raise
    about = (query.filename, query.on_duplicate, query.callback_url)
    return ReceivedArchive(services, tenant, writer, archive_id, kind, *about)


def _receive(request: Request, writer: BlobWriter) -> tuple[str, ArchiveKind]:
    """Write the body; return its SHA-256 and the kind of archive."""
    sha256 = hashlib.sha256()
    tail = b""
    try:
        data = head = _read_head(request)
        start = head[:ARCHIVE_HEAD_BYTES]
        # A zip may follow other bytes, which only its end tells.
        kind = sniff_archive(start) if is_foreign_archive(start) else begins_an_archive(start)
        while data:
            sha256.update(data)
            writer.write(data)
            if kind is None:
                tail = (tail + data)[-ARCHIVE_TAIL_BYTES:]
            data = request.stream.read(_READ_BYTES)
    except ClientDisconnected:
        raise InvalidRequest("The body is incomplete; send it again.") from None
    if kind is None:
        kind = "zip" if ends_as_zip(tail) else sniff_archive(start)
    return sha256.hexdigest(), kind


def _read_head(request: Request) -> bytes:
    head = b""
    while len(head) < ARCHIVE_HEAD_BYTES and (data := request.stream.read(_READ_BYTES)):
        head += data
    return head


def _begin(
    services: Services, archive: IngestArchive, name: str | None, callback_url: str | None
) -> Job:
    job = Job(
        archive.job_id,
        archive.tenant,
        total=0,
        created_at=services.clock.now(),
        growing=True,
        name=name,
        source=archive.model_dump_json(),
        request=current_request(),
        on_duplicate=archive.on_duplicate,
        callback_url=callback_url,
    )
    services.jobs.create(job, [])
    services.dispatcher.send(INGEST_ARCHIVE, INGEST_QUEUE, archive_task_id(job.id), archive)
    return services.jobs.accept(job.id)
