"""``/v1/images``: upload, list, inspect and delete images."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.http import dump_options_header

from api.http.answers import answered, nothing
from api.http.conditional import conditional, sent_bytes
from api.routes.accepted import accepted
from api.routes.current import catalog, current_tenant, links, services, thumbnails
from api.schemas.body import (
    CheckBody,
    ThumbnailQuery,
    UploadQuery,
    read_json,
    read_query,
)
from api.schemas.edit import ChangeBody, EditBody, RefreshBody
from api.schemas.image import Checked, Image, Images
from api.schemas.links import IMAGES
from api.schemas.pagination import ImagesQuery
from api.uploads.edit import EditedImages, begin_edit
from api.uploads.upload import upload as receive_upload
from common.contract import CatalogKnown
from common.images.formats import HEAD_BYTES, MEDIA_TYPES, sniff, suffix_of
from common.jobs.base import JobKind

blueprint = Blueprint("images", __name__, url_prefix=IMAGES)

# The bytes under an id never change.
_IMMUTABLE = "private, max-age=31536000, immutable"

# Uploaded bytes are untrusted: browsers must not guess another type, and if the URL is opened
# directly, the document may load and run nothing except inline styles.
_INERT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "X-Content-Type-Options": "nosniff",
}

_IMAGE_ID = "<image_id:image_id>"


@blueprint.post("")
def upload() -> Response:
    """Upload pictures; returns the job that indexes them."""
    query = read_query(request, UploadQuery)
    return accepted(receive_upload(services(), current_tenant(), request, query))


@blueprint.get("")
def index() -> Response:
    """List images, newest first or in another order."""
    query = read_query(request, ImagesQuery)
    page = catalog().page(
        query.limit, query.tag, query.filter, query.after, query.sort, count=query.count
    )
    return answered(Images.of(page, query.sort, links()))


@blueprint.post("/check")
def check() -> Response:
    """Check which ids are indexed."""
    body = read_json(request, CheckBody)
    found = catalog().known(body.ids, body.filenames) if body.ids else CatalogKnown()
    return answered(Checked.of(body.ids, found))


@blueprint.post("/refreshes")
def refresh() -> Response:
    """Read the photo info of images from their bytes again; returns the job that does it."""
    return _begin_edit("refresh", read_json(request, RefreshBody))


@blueprint.get(f"/{_IMAGE_ID}")
def show(image_id: str) -> Response:
    """Return an indexed image."""
    return answered(Image.of(catalog().find(image_id), links()))


@blueprint.post("/edits")
def edit() -> Response:
    """Change tags and metadata of images; returns the job that does it."""
    return _begin_edit("edit", read_json(request, EditBody))


@blueprint.patch(f"/{_IMAGE_ID}")
def change(image_id: str) -> Response:
    """Change an image's tags and metadata; returns the changed image."""
    body = read_json(request, ChangeBody)
    return answered(Image.of(catalog().edit(image_id, body.change), links()))


@blueprint.delete(f"/{_IMAGE_ID}")
def delete(image_id: str) -> Response:
    """Delete an image; searches that start afterwards do not find it."""
    catalog().delete(image_id)
    return nothing()


@blueprint.get(f"/{_IMAGE_ID}/content")
def content(image_id: str) -> Response:
    """Return the original bytes as uploaded."""
    data = services().blobs.open(current_tenant(), image_id)
    media_format = sniff(data.read(HEAD_BYTES))
    media_type = MEDIA_TYPES[media_format]
    filename = f"{image_id[:12]}.{suffix_of(media_format)}"
    named = dump_options_header("inline", {"filename": filename})
    url = _elsewhere(image_id, {"Content-Type": media_type, "Content-Disposition": named})
    if url is not None:
        data.close()
        return _redirected(url, image_id)
    data.seek(0)
    response = sent_bytes(data, media_type, image_id, request)
    response.headers["Content-Disposition"] = named
    return _immutable(response)


@blueprint.get(f"/{_IMAGE_ID}/thumbnail")
def thumbnail(image_id: str) -> Response:
    """Return a thumbnail: a JPEG that fits in a square."""
    size = read_query(request, ThumbnailQuery).size
    response = Response(thumbnails().get(image_id, size), mimetype="image/jpeg")
    response.set_etag(f"{image_id}-{size}")
    return _immutable(conditional(response, request))


def _elsewhere(image_id: str, headers: dict[str, str]) -> str | None:
    """Return an address of an image's bytes in the object store, if callers are sent there."""
    expires_s = services().settings.content_redirect_s
    # Scripts of the page may read from the API only.
    if not expires_s or request.headers.get("Sec-Fetch-Site") == "same-origin":
        return None
    headers = {**headers, "Cache-Control": _IMMUTABLE}
    return services().blobs.signed_url(current_tenant(), image_id, expires_s, headers)


def _redirected(url: str, image_id: str) -> Response:
    response = Response(status=HTTPStatus.FOUND)
    response.location = url
    response.set_etag(image_id)
    conditional(response, request)
    # The address expires, and whether it was sent depends on this header.
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Sec-Fetch-Site")
    return response


def _immutable(response: Response) -> Response:
    response.headers["Cache-Control"] = _IMMUTABLE
    response.headers.update(_INERT)
    return response


def _begin_edit(kind: JobKind, body: EditBody | RefreshBody) -> Response:
    edited = EditedImages(kind, body.change, body.ids, body.filter, body.callback_url)
    return accepted(begin_edit(services(), current_tenant(), request, edited))
