"""``/v1/dead-letters``: images that were given up, to be tried again or forgotten."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from api.admission import admit
from api.ingest import begin_job
from api.listing import DeadLettersQuery
from api.schemas import Metadata, read_query
from api.services import Services, services
from api.tenancy import current_tenant
from api.views import accepted, dead_letter_view, nothing
from common.dead_letters.base import DeadLetter
from common.errors import NotFound
from common.intake import Upload
from common.jobs.base import Job

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
    letter = services().dead_letters.get(current_tenant(), image_id)
    admit(services().load.read(), services().settings.max_wait_s)
    return accepted(_replay(services(), letter))


@blueprint.delete(f"/{_IMAGE_ID}")
def remove(image_id: str) -> Response:
    """Forget a dead letter and the attempts at its image: its bytes may be uploaded anew."""
    tenant = current_tenant()
    # Only where there is a letter: the attempts at an image that is in hand stay.
    services().dead_letters.get(tenant, image_id)
    # The letter goes last. A process that dies in between leaves one that can be removed again,
    # and not a quarantine of which nothing tells.
    services().claims.forget(tenant, [image_id])
    services().dead_letters.remove(tenant, image_id)
    return nothing()


def _replay(parts: Services, letter: DeadLetter) -> Job:
    """Begin the job; the order of the steps is one that may be cut off anywhere.

    The attempts go first: with them the worker would give the image up at once.
    Cut off here, the letter can be replayed again. Then comes the job, which is
    whole once it is accepted. Cut off here, there is a letter too many: replayed
    again, its image is a duplicate. The letter goes last, for until then it alone
    knows of the image; and only this one, for the new job may have failed already
    and left a newer one in its place.
    """
    _require_bytes(parts, letter)
    parts.claims.forget(letter.tenant, [letter.id])
    upload = Upload(letter.id, letter.filename, error=None)
    metadata = Metadata.model_validate({**letter.metadata, "tags": letter.tags})
    job = begin_job(parts, letter.tenant, [upload], metadata)
    parts.dead_letters.remove(letter.tenant, letter.id, letter.job_id)
    return job


def _require_bytes(parts: Services, letter: DeadLetter) -> None:
    try:
        parts.blobs.open(letter.tenant, letter.id).close()
    except NotFound:
        raise NotFound(
            f"The bytes of image {letter.id} are gone, so it cannot be tried again; "
            "upload it anew, or delete this dead letter."
        ) from None
