"""``/v1/searches``: ask, wait or come back for the hits, and see them on one sheet."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request, url_for
from PIL import Image

from api import contact_sheet as sheets
from api.dispatch.base import TaskResult
from api.preference import wait_s
from api.schemas import ContactSheetQuery, SearchBody, read_json, read_query
from api.services import services
from api.tenancy import current_tenant
from api.thumbnails import thumbnail
from api.views import search_view
from common.contract import SEARCH_QUEUE, SEARCH_RUN, SearchResult
from common.errors import ImageError, NotFound, Unprocessable, WorkerUnavailable
from common.searches import SearchRecord

blueprint = Blueprint("searches", __name__, url_prefix="/v1/searches")

# Seconds after which a caller may ask for an unfinished search again.
_POLL_S = 1


@blueprint.post("")
def create() -> tuple[Response, int]:
    """Take a search; with ``Prefer: wait`` answer with its hits if they come in time."""
    body = read_json(request, SearchBody)
    record = SearchRecord(
        id=uuid.uuid4().hex, created_at=time.time(), request=body.to_request(current_tenant())
    )
    services().searches.put(record)
    expires_s = services().settings.search_expires_s
    services().dispatcher.send(SEARCH_RUN, SEARCH_QUEUE, record.id, record.request, expires_s)
    seconds = wait_s(request, services().settings.wait_s_max)
    if seconds is None:
        return _accepted(record, TaskResult("queued"))
    found = services().dispatcher.wait(record.id, seconds)
    return _answered(record, found) if found.done else _accepted(record, found)


@blueprint.get("/<record_id:search_id>")
def show(search_id: str) -> Response:
    """Return a search, with its hits once they are there."""
    record, found = _find(search_id)
    response = jsonify(search_view(record, found))
    if not found.done:
        response.headers["Retry-After"] = str(_POLL_S)
    return response


@blueprint.get("/<record_id:search_id>/contact-sheet.png")
def contact_sheet(search_id: str) -> Response:
    """Draw the hits of a finished search as tiles of one picture."""
    query = read_query(request, ContactSheetQuery)
    seconds = services().settings.search_expires_s
    record, _ = _find(search_id)
    found = services().dispatcher.wait(search_id, min(seconds, services().settings.wait_s_max))
    if found.state != "succeeded":
        raise WorkerUnavailable("The search has no hits to show yet; try again in a moment.")
    result = SearchResult.model_validate(found.value)
    if result.error is not None:
        raise Unprocessable(f"The search failed: {result.error.detail}")
    pictures = _pictures(result, record.request.tenant, query.tile)
    sheet = sheets.draw(pictures, query.columns, query.rows, query.tile)
    return Response(sheets.to_png(sheet), mimetype="image/png")


def _pictures(result: SearchResult, tenant: str, tile: int) -> Iterator[Image.Image | None]:
    pixels_max = services().settings.image_pixels_max
    for hit in result.hits:
        try:
            yield thumbnail(services().blobs, tenant, hit.id, tile, pixels_max)
        except (NotFound, ImageError):
            # Deleted since, or damaged: its tile stays empty.
            yield None


def _accepted(record: SearchRecord, found: TaskResult) -> tuple[Response, int]:
    response = jsonify(search_view(record, found))
    response.headers["Location"] = url_for("searches.show", search_id=record.id)
    response.headers["Retry-After"] = str(_POLL_S)
    return response, 202


def _answered(record: SearchRecord, found: TaskResult) -> tuple[Response, int]:
    response = jsonify(search_view(record, found))
    response.headers["Location"] = url_for("searches.show", search_id=record.id)
    response.headers["Preference-Applied"] = "wait"
    return response, 200


def _find(search_id: str) -> tuple[SearchRecord, TaskResult]:
    record = services().searches.get(search_id)
    if record.request.tenant != current_tenant():
        raise NotFound(f"There is no search {search_id}, or it has expired.")
    return record, services().dispatcher.result(search_id)
