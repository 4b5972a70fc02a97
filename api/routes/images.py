"""``/v1/images``: uploads, and what is known of an image."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.http import dump_options_header

from api.auth.caller import current_tenant
from api.catalog import delete_image, find_image, known_images, list_images
from api.http.conditional import conditional, sent_bytes
from api.pictures.thumbnails import thumbnail as make_thumbnail
from api.pictures.thumbnails import to_jpeg
from api.schemas.body import (
    CheckBody,
    ThumbnailQuery,
    UploadQuery,
    read_json,
    read_query,
)
from api.schemas.pagination import ImagesQuery, image_cursor
from api.schemas.views import accepted, image_view, nothing
from api.services import services
from api.uploads.upload import upload as receive_upload
from common.images.formats import HEAD_BYTES, MEDIA_TYPES, sniff

blueprint = Blueprint("images", __name__, url_prefix="/v1/images")

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
def upload() -> tuple[Response, int]:
    """Accept pictures and answer with the job that indexes them."""
    filename = read_query(request, UploadQuery).filename
    return accepted(receive_upload(services(), current_tenant(), request, filename))


@blueprint.get("")
def index() -> Response:
    """List images, the newest first, a page at a time."""
    query = read_query(request, ImagesQuery)
    page = list_images(query.limit, query.tag, query.after)
    return jsonify(
        images=[image_view(image) for image in page.images],
        next_cursor=image_cursor(page.following),
    )


@blueprint.post("/check")
def check() -> Response:
    """Tell which ids a search can find."""
    ids = read_json(request, CheckBody).ids
    known = set(known_images(ids)) if ids else set()
    unique = list(dict.fromkeys(ids))
    return jsonify(
        known=[image_id for image_id in unique if image_id in known],
        missing=[image_id for image_id in unique if image_id not in known],
    )


@blueprint.get(f"/{_IMAGE_ID}")
def show(image_id: str) -> Response:
    """Describe an indexed image."""
    return jsonify(image_view(find_image(image_id)))


@blueprint.delete(f"/{_IMAGE_ID}")
def delete(image_id: str) -> Response:
    """Delete an image: no search that starts from here on finds it."""
    delete_image(image_id)
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


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = _IMMUTABLE
    response.headers.update(_INERT)
    return response
