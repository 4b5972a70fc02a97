"""``/v1/dead-letters``: images that were given up, to be tried again or forgotten."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from api.auth.caller import current_tenant
from api.schemas.body import read_query
from api.schemas.pagination import DeadLettersQuery
from api.schemas.views import accepted, dead_letter_view, nothing
from api.services import services
from api.uploads.replay import remove_letter, replay_letter

blueprint = Blueprint("dead_letters", __name__, url_prefix="/v1/dead-letters")

_IMAGE_ID = "<image_id:image_id>"


@blueprint.get("")
def index() -> Response:
    """List dead letters, the newest first, a page at a time."""
    query = read_query(request, DeadLettersQuery)
    found, following = services().dead_letters.page(current_tenant(), query.limit, query.cursor)
    return jsonify(
        dead_letters=[dead_letter_view(letter) for letter in found], next_cursor=following
    )


@blueprint.post(f"/{_IMAGE_ID}/replay")
def replay(image_id: str) -> tuple[Response, int]:
    """Try an image again, in a job of its own."""
    return accepted(replay_letter(services(), current_tenant(), request, image_id))


@blueprint.delete(f"/{_IMAGE_ID}")
def remove(image_id: str) -> Response:
    """Forget a dead letter and the attempts at its image: its bytes may be uploaded anew."""
    remove_letter(services(), current_tenant(), image_id)
    return nothing()
