"""Picture uploads: one picture as the whole body, or many as parts of a form."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

from flask import Request

from api.schemas.body import Metadata, UploadQuery, read_text
from api.services import Services
from api.uploads.form import Form, read_body, read_form
from api.uploads.job import begin_job
from common.contract import OnDuplicate
from common.errors import InvalidRequest
from common.images.received import PictureWriter, ReceivedPicture
from common.jobs.base import Job
from common.pages import pages

# Names of the parts of an upload.
_FILE, _METADATA = "file", "metadata"
# Pictures of a request that are stored at the same time: each waits for a disk or a network.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ReceivedPictures:
    """Pictures that were received, each with its file name, and their common metadata."""

    services: Services
    tenant: str
    files: Sequence[tuple[str, PictureWriter]]
    # The number of the tenant's images that were pending before these.
    waiting: int
    metadata: Metadata
    # The metadata exactly as sent.
    metadata_text: str = ""
    on_duplicate: OnDuplicate = "merge"
    callback_url: str | None = None

    @property
    def content(self) -> Sequence[object]:
        """The metadata, and the names and ids of the pictures in order."""
        return [self.metadata_text, *([name, picture.id] for name, picture in self.files)]

    def begin(self, job_id: str) -> Job:
        """Store the pictures and create their job."""
        return begin_job(
            self.services,
            self.tenant,
            job_id,
            self.store(),
            self.metadata.tags,
            self.metadata.own,
            self.waiting,
            self.on_duplicate,
            self.callback_url,
        )

    def store(self) -> list[ReceivedPicture]:
        """Store the pictures; return them in order."""
        if len(self.files) == 1:
            return _finish(self.files)
        # A page per thread: handing over each picture takes longer than storing it without a flush.
        parts = list(pages(self.files, ceil(len(self.files) / _AT_ONCE)))
        with ThreadPoolExecutor(len(parts)) as threads:
            return [picture for stored in threads.map(_finish, parts) for picture in stored]

    def close(self) -> None:
        """Discard the pictures that were not stored."""
        for _, picture in self.files:
            picture.close()


def receive_picture(
    services: Services, tenant: str, request: Request, query: UploadQuery, waiting: int
) -> ReceivedPictures:
    """Receive a body that is one picture.

    Raises:
        InvalidRequest: The body is incomplete.
    """
    picture = read_body(request, services.blobs, tenant, services.settings.image_bytes_max)
    files, about = [(query.filename, picture)], (query.on_duplicate, query.callback_url)
    return ReceivedPictures(services, tenant, files, waiting, Metadata(), "", *about)


def receive_form(
    services: Services, tenant: str, request: Request, query: UploadQuery, waiting: int
) -> ReceivedPictures:
    """Receive a form of pictures and their metadata.

    Raises:
        InvalidRequest: The body is malformed or incomplete, or has unknown parts.
        Unprocessable: A field of the metadata is invalid.
    """
    form = read_form(request, services.blobs, tenant, services.settings.image_bytes_max)
    try:
        text = _metadata_text(form)
        metadata = read_text("{}" if text is None else text, Metadata, _METADATA)
    except BaseException:
        form.close()
        raise
    files = [(filename, picture) for _, filename, picture in form.files]
    about = (query.on_duplicate, query.callback_url)
    return ReceivedPictures(services, tenant, files, waiting, metadata, text or "", *about)


def _finish(files: Sequence[tuple[str, PictureWriter]]) -> list[ReceivedPicture]:
    return [picture.finish(name) for name, picture in files]


def _metadata_text(form: Form) -> str | None:
    text = form.field(_METADATA)
    form.refuse_unknown(
        _FILE, _METADATA, "Send pictures in parts named file, each with a file name."
    )
    if not form.files:
        detail = "There is no picture; send at least one part named file."
        raise InvalidRequest(detail, field=_FILE)
    return text
