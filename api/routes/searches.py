"""``/v1/searches``: start a search, wait or poll for its hits, and draw them as one picture."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from flask import Blueprint, Response, request

from api.dispatch.base import Dispatcher, TaskResult
from api.http.answers import ASK_AGAIN, answered
from api.http.prefer import wait_s
from api.pictures.contact_sheet import ContactSheet, Tile, to_png
from api.routes.current import current_tenant, links, services, slots, thumbnails
from api.schemas.body import read_json, read_query
from api.schemas.links import SEARCHES
from api.schemas.search import ContactSheetQuery, Search, SearchBody
from api.search_records import SearchRecord
from api.uploads.query_picture import read_picture_search
from common.contract import SEARCH_QUEUE, SEARCH_RUN, SearchRequest, SearchResult
from common.errors import (
    BrokerUnavailable,
    ImageError,
    NotFound,
    Unprocessable,
    WorkerUnavailable,
)
from common.images.thumbnails import size_to_store

blueprint = Blueprint("searches", __name__, url_prefix=SEARCHES)

# Seconds that a contact sheet waits for its search; its caller has not asked for a longer wait.
_SHEET_WAIT_S = 4.0
# Seconds that a finished search is kept after each reading, so that readings can be repeated: the
# hits of all searches of an hour would take more memory than the jobs of a week.
_READ_TTL_S = 300


@blueprint.post("")
def create() -> Response:
    """Start a search; with ``Prefer: wait``, returns its hits if they are ready in time."""
    search_id = uuid.uuid4().hex
    asked = _read(search_id)
    seconds = wait_s(request, services().settings.wait_s_max)
    # If no slot is free, the preference is ignored, which RFC 7240 allows.
    give_back = None if seconds is None else slots().waits.take_if_free()
    if seconds is None or give_back is None:
        return _accepted(_begin(search_id, asked), TaskResult("queued"))
    try:
        return _awaited(search_id, asked, seconds)
    finally:
        give_back()


@blueprint.get("/<record_id:search_id>")
def show(search_id: str) -> Response:
    """Return a search, with its hits once it has succeeded."""
    record, found = _find(search_id)
    headers = {} if found.done else ASK_AGAIN
    return answered(Search.of(record, found, links()), headers=headers)


@blueprint.get("/<record_id:search_id>/contact-sheet.png")
def contact_sheet(search_id: str) -> Response:
    """Return a finished search's hits as tiles of one PNG."""
    query = read_query(request, ContactSheetQuery)
    record, found = _find(search_id)
    if not found.done:
        with slots().waits.held():
            found = services().dispatcher.wait(search_id, _SHEET_WAIT_S)
    if found.state == "failed":
        raise Unprocessable("No worker finished the search; send it again.")
    if found.state != "succeeded":
        raise WorkerUnavailable("The search is not finished; try again in a moment.")
    result = SearchResult.model_validate(found.value)
    if result.error is not None:
        raise Unprocessable(f"The search failed: {result.error.detail}")
    sheet = ContactSheet(query.columns, query.rows, query.tile, captions=query.captions)
    drawn = sheet.draw(_tiles(result, record.request.offset, query.tile))
    return Response(to_png(drawn), mimetype="image/png")


def _awaited(search_id: str, asked: SearchRequest, seconds: float) -> Response:
    """Send a search and wait for its hits; what is left to do with Redis follows the response."""
    with ExitStack() as left:
        listener = left.enter_context(services().dispatcher.listen(search_id))
        record = _begin(search_id, asked, _read_ttl_s())
        found = listener.wait(seconds)
        if not found.done:
            services().searches.keep(search_id, services().settings.search_ttl_s)
            return _accepted(record, found)
        # The record ends before its result, without which the search would seem to run.
        left.callback(_keep_result, services().dispatcher, search_id, _read_ttl_s())
        response = _answered(record, found)
        response.call_on_close(left.pop_all().close)
        return response


def _begin(search_id: str, asked: SearchRequest, ttl_s: int | None = None) -> SearchRecord:
    """Send a search to the workers, and store its record while they work."""
    created_at, expires_s = services().clock.now(), services().settings.search_expires_s
    services().dispatcher.send(SEARCH_RUN, SEARCH_QUEUE, search_id, asked, expires_s)
    record = SearchRecord(id=search_id, created_at=created_at, request=asked)
    services().searches.put(record, ttl_s)
    return record


def _read(search_id: str) -> SearchRequest:
    """Read the search; an uploaded query picture is stored under the search's id."""
    tenant = current_tenant()
    if request.mimetype != "multipart/form-data":
        return read_json(request, SearchBody).to_request(tenant)
    body = read_picture_search(request, services(), tenant, search_id)
    return body.to_request(tenant, search_id)


def _tiles(result: SearchResult, offset: int, size: int) -> Iterator[Tile]:
    for rank, hit in enumerate(result.hits, start=offset + 1):
        yield Tile.of(_thumbnail(hit.id, size), size, rank, hit.score, hit.filename)


def _thumbnail(image_id: str, size: int) -> bytes | None:
    try:
        return thumbnails().get(image_id, size_to_store(size))
    except (NotFound, ImageError):
        # Deleted meanwhile, damaged, or not safe to decode.
        return None


def _accepted(record: SearchRecord, found: TaskResult) -> Response:
    search = Search.of(record, found, links())
    return answered(search, 202, ASK_AGAIN | {"Location": search.links["self"]})


def _answered(record: SearchRecord, found: TaskResult) -> Response:
    search = Search.of(record, found, links())
    headers = {"Location": search.links["self"], "Preference-Applied": "wait"}
    return answered(search, headers=headers)


def _find(search_id: str) -> tuple[SearchRecord, TaskResult]:
    record = services().searches.get(search_id)
    if record.request.tenant != current_tenant():
        raise NotFound(f"There is no search {search_id}, or it has expired.")
    found = services().dispatcher.result(search_id)
    if found.done:
        _keep_briefly(search_id)
    now, expires_s = services().clock.now(), services().settings.search_expires_s
    return record, record.standing(found, now, expires_s)


def _keep_briefly(search_id: str) -> None:
    """Expire a search that is being read in a few minutes; without Redis, when its hour is over."""
    ttl_s = _read_ttl_s()
    with suppress(BrokerUnavailable):
        # The record first: a record without a result is a search that still runs.
        services().searches.keep(search_id, ttl_s)
        services().dispatcher.keep(search_id, ttl_s)


def _keep_result(dispatcher: Dispatcher, search_id: str, ttl_s: int) -> None:
    with suppress(BrokerUnavailable):
        dispatcher.keep(search_id, ttl_s)


def _read_ttl_s() -> int:
    """Return the seconds that a search is kept once it was read."""
    return min(_READ_TTL_S, services().settings.search_ttl_s)
