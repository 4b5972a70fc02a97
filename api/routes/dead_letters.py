"""``/v1/dead-letters``: list, replay and delete images that the service gave up on."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.http.answers import answered, nothing
from api.routes.accepted import accepted
from api.routes.current import current_tenant, links, services
from api.schemas.body import ReplayQuery, read_query
from api.schemas.dead_letter import DeadLetters
from api.schemas.links import DEAD_LETTERS
from api.schemas.pagination import DeadLettersQuery
from api.uploads.replay import remove_letter, replay_letter

blueprint = Blueprint("dead_letters", __name__, url_prefix=DEAD_LETTERS)

_IMAGE_ID = "<image_id:image_id>"


@blueprint.get("")
def index() -> Response:
    """List dead letters, newest first."""
    query = read_query(request, DeadLettersQuery)
    found, following = services().dead_letters.page(current_tenant(), query.limit, query.cursor)
    return answered(DeadLetters.of(found, following, links()))


@blueprint.post(f"/{_IMAGE_ID}/replay")
def replay(image_id: str) -> Response:
    """Replay a dead letter: try its image again in a new job."""
    url = read_query(request, ReplayQuery).callback_url
    return accepted(replay_letter(services(), current_tenant(), request, image_id, url))


@blueprint.delete(f"/{_IMAGE_ID}")
def remove(image_id: str) -> Response:
    """Delete a dead letter and reset its image's attempts, so it can be uploaded again."""
    remove_letter(services(), current_tenant(), image_id)
    return nothing()
