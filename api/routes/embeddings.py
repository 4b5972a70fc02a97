"""``/v1/embeddings``: the vectors of texts, indexed images and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, request

from api.http.answers import answered
from api.routes.current import current_tenant, search_worker, services
from api.schemas.body import read_json
from api.schemas.embedding import Embeddings, EmbeddingsBody
from api.schemas.links import EMBEDDINGS
from api.uploads.pictures_to_embed import received_pictures
from common.contract import EMBEDDINGS_RUN, EmbeddingsResult

blueprint = Blueprint("embeddings", __name__, url_prefix=EMBEDDINGS)


@blueprint.post("")
def create() -> Response:
    """Embed texts, indexed images and pictures as unit vectors."""
    with _received() as (body, pictures):
        asked = body.to_request(current_tenant(), pictures)
        wait_s = services().settings.wait_s_max
        found = search_worker().call(EMBEDDINGS_RUN, asked, EmbeddingsResult, wait_s)
    return answered(Embeddings.of(found, body))


@contextmanager
def _received() -> Iterator[tuple[EmbeddingsBody, list[str]]]:
    """Read the body; the ids of uploaded pictures are valid for the block."""
    if request.mimetype != "multipart/form-data":
        yield read_json(request, EmbeddingsBody), []
        return
    with received_pictures(request, services(), current_tenant()) as received:
        yield received
