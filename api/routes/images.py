"""``/v1/images``: uploads, and what is known of an image."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.http import dump_options_header

from api.http.answers import answered, nothing
from api.http.conditional import conditional, sent_bytes
from api.pictures.thumbnails import thumbnail as make_thumbnail
from api.pictures.thumbnails import to_jpeg
from api.routes.accepted import accepted
from api.routes.current import catalog, current_tenant, links, services
from api.schemas.body import (
    CheckBody,
    Metadata,
    ThumbnailQuery,
    UploadQuery,
    read_json,
    read_query,
    read_text,
)
from api.schemas.image import Checked, Image, Images
from api.schemas.links import IMAGES
from api.schemas.pagination import ImagesQuery
from api.uploads.admission import admit
from api.uploads.archive import receive_archive
from api.uploads.begin_once import begin_once
from api.uploads.form import Form, read_body, read_form
from api.uploads.reception import Pictures, Reception
from common.errors import InvalidRequest, UnsupportedMediaType
from common.images.archive_formats import ARCHIVE_MEDIA_TYPES
from common.images.formats import HEAD_BYTES, MEDIA_TYPES, sniff

blueprint = Blueprint("images", __name__, url_prefix=IMAGES)

# The bytes under an id never change.
_IMMUTABLE = "private, max-age=31536000, immutable"

# What others have uploaded is shown as a picture, and never as a page: a browser guesses no
# other type, and opened by itself it may load and run nothing but the browser's own style.
_INERT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "X-Content-Type-Options": "nosniff",
}

_IMAGE_ID = "<image_id:image_id>"


@blueprint.post("")
def upload() -> Response:
    """Accept pictures and answer with the job that indexes them."""
    return accepted(*begin_once(services(), current_tenant(), request, _receive))


@blueprint.get("")
def index() -> Response:
    """List images, the newest first, a page at a time."""
    query = read_query(request, ImagesQuery)
    page = catalog().page(query.limit, query.tag, query.after)
    return answered(Images.of(page, links()))


@blueprint.post("/check")
def check() -> Response:
    """Tell which ids a search can find."""
    ids = read_json(request, CheckBody).ids
    known = set(catalog().known(ids)) if ids else set()
    return answered(Checked.of(ids, known))


@blueprint.get(f"/{_IMAGE_ID}")
def show(image_id: str) -> Response:
    """Describe an indexed image."""
    return answered(Image.of(catalog().find(image_id), links()))


@blueprint.delete(f"/{_IMAGE_ID}")
def delete(image_id: str) -> Response:
    """Delete an image: no search that starts from here on finds it."""
    catalog().delete(image_id)
    return nothing()


@blueprint.get(f"/{_IMAGE_ID}/content")
def content(image_id: str) -> Response:
    """Send the original bytes, as they were uploaded."""
    data = services().blobs.open(current_tenant(), image_id)
    head = data.read(HEAD_BYTES)
    data.seek(0)
    media_format = sniff(head)
    response = sent_bytes(data, MEDIA_TYPES[media_format], image_id, request)
    response.headers["Content-Disposition"] = dump_options_header(
        "inline", {"filename": f"{image_id[:12]}.{media_format.lower()}"}
    )
    return _kept(response)


@blueprint.get(f"/{_IMAGE_ID}/thumbnail")
def thumbnail(image_id: str) -> Response:
    """Send a JPEG that fits in a square."""
    size = read_query(request, ThumbnailQuery).size
    image = make_thumbnail(services(), current_tenant(), image_id, size)
    response = Response(to_jpeg(image), mimetype="image/jpeg")
    response.set_etag(f"{image_id}-{size}")
    return _kept(conditional(response, request))


def _receive() -> Reception:
    # Before the body: what would wait too long, or cannot be enqueued, need not be received.
    admit(services().load.read(), services().settings.max_wait_s)
    kind, filename = request.mimetype, read_query(request, UploadQuery).filename
    if kind in ARCHIVE_MEDIA_TYPES:
        return receive_archive(services(), current_tenant(), request, filename)
    limit = services().settings.image_bytes_max
    if kind == "multipart/form-data":
        return _receive_form(limit)
    if kind.startswith("image/"):
        picture = read_body(request, services().blobs, current_tenant(), limit)
        return Pictures(services(), current_tenant(), [(filename, picture)], Metadata())
    raise UnsupportedMediaType(
        "Send pictures as multipart/form-data in parts named file, one as a body of image/*, or an"
        " archive as application/zip, application/x-tar or application/gzip."
    )


def _receive_form(limit: int) -> Pictures:
    form = read_form(request, services().blobs, current_tenant(), limit)
    try:
        text = _metadata_text(form)
        metadata = read_text("{}" if text is None else text, Metadata, "metadata")
    except BaseException:
        form.close()
        raise
    files = [(filename, incoming) for _, filename, incoming in form.files]
    return Pictures(services(), current_tenant(), files, metadata, text or "")


def _metadata_text(form: Form) -> str | None:
    text = form.field("metadata")
    form.refuse_unknown(
        "file", "metadata", "Pictures go into parts named file, each with a file name."
    )
    if not form.files:
        detail = "There is no picture; send at least one part named file."
        raise InvalidRequest(detail, field="file")
    return text


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = _IMMUTABLE
    response.headers.update(_INERT)
    return response
