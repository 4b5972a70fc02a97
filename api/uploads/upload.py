"""Uploads: from a request's body to the job that indexes its images.

The steps: admit the request, receive its body, record its job, send the job's tasks.
"""

from __future__ import annotations

from contextlib import closing

from flask import Request

from api.schemas.body import UploadQuery
from api.services import Services
from api.uploads.admission import admit
from api.uploads.archive import receive_archive
from api.uploads.begin_once import Begun, Received, begin_once
from api.uploads.callback import check_callback
from api.uploads.open_job import AddedPictures, require_opened
from api.uploads.pictures import receive_form, receive_picture
from common.errors import UnsupportedMediaType
from common.images.archive_formats import ARCHIVE_MEDIA_TYPES

_FORM = "multipart/form-data"


def upload(services: Services, tenant: str, request: Request, query: UploadQuery) -> Begun:
    """Receive an upload and create its job, or add its pictures to an open one.

    Args:
        services: The services of the app.
        tenant: The owner of the images.
        request: The request; its body is not read yet.
        query: The file name of a body that is one picture or one archive, and either the open job
            or what to do with images that are already indexed, and the URL to call.

    Raises:
        GlimpseError: Nothing was accepted.
    """
    check_callback(services, tenant, query.callback_url)
    with begin_once(services, tenant, request, query.job) as begin:
        if query.job is not None:
            require_opened(services, tenant, query.job)
        # Before the body, because an upload that cannot be queued need not be received.
        waiting = admit(services, tenant).tenant_pending
        with closing(_receive(services, tenant, request, query, waiting)) as received:
            return begin(received)


def _receive(
    services: Services, tenant: str, request: Request, query: UploadQuery, waiting: int
) -> Received:
    """Receive a body according to its media type."""
    kind = request.mimetype
    if kind in ARCHIVE_MEDIA_TYPES:
        if query.job is not None:
            raise UnsupportedMediaType("An archive has a job of its own; send it without job.")
        return receive_archive(services, tenant, request, query)
    if kind == _FORM:
        pictures = receive_form(services, tenant, request, query, waiting)
    elif kind.startswith("image/"):
        pictures = receive_picture(services, tenant, request, query, waiting)
    else:
        raise _unsupported()
    return pictures if query.job is None else AddedPictures(pictures)


def _unsupported() -> UnsupportedMediaType:
    return UnsupportedMediaType(
        "Send pictures as multipart/form-data in parts named file, one picture as image/*, or an"
        " archive as application/zip, application/x-tar, application/gzip, application/x-xz,"
        " application/x-bzip2 or application/zstd."
    )
