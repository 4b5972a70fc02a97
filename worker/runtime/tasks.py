"""Registers the tasks of each queue under the names in ``common.contract``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, TypeVar

from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from pydantic import ValidationError

from common.broker.as_of_header import marks_of
from common.broker.queues import has_expired, rest_s
from common.broker.request_header import request_of
from common.contract import (
    CATALOG_DELETE,
    CATALOG_EDIT,
    CATALOG_GET,
    CATALOG_KNOWN,
    CATALOG_LIST,
    CATALOG_TAGS,
    EMBEDDINGS_RUN,
    MODELS_DROP,
    MODELS_LIST,
    SEARCH_RUN,
    THUMBNAILS_MAKE,
    CatalogDeleted,
    CatalogEdited,
    CatalogImages,
    CatalogKnown,
    CatalogKnownRequest,
    CatalogListRequest,
    CatalogPage,
    CatalogRequest,
    CatalogTags,
    CatalogTagsRequest,
    Dropped,
    DropRequest,
    EditRequest,
    EmbeddingsRequest,
    EmbeddingsResult,
    Failure,
    Message,
    ModelsList,
    ModelsRequest,
    Payload,
    ReadRequest,
    SearchRequest,
    SearchResult,
    ThumbnailRequest,
    ThumbnailResult,
    dump,
)
from common.errors import GlimpseError, WorkerUnavailable
from common.logs.context import bound
from common.redis.time import Clock
from common.traces.spans import continued_span
from worker.catalog.deletion import Deletion
from worker.catalog.edit import ImageEdit
from worker.catalog.models import ModelCatalog
from worker.catalog.queries import Catalog
from worker.ingest.deliveries import Deliveries, Work
from worker.runtime.routing import is_just_sent
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.stores.as_of import MarkedReads
from worker.thumbnails.missing import MissingThumbnails

log = logging.getLogger(__name__)

# The answer to a payload of a later version.
_UNREADABLE = Failure(
    code=WorkerUnavailable.code,
    detail="The search worker is older than the API; upgrade the workers, then try again.",
)

Request = TypeVar("Request", bound=Payload)
Read = TypeVar("Read", bound=ReadRequest)

# Forwards a task to the workers of the active model if this worker's is not: takes the task's name,
# its id, payload and the seconds until it expires.
Forward = Callable[[str, str, Message, float | None], bool]
# Takes a message by its delivery tag, before its task runs; see ``Leases.take``.
Take = Callable[[str], bool]
# Returns a function that runs a task of this name and reports on it.
Measure = Callable[[str, Callable[..., Message]], Callable[..., Message]]


def register_ingest(app: Celery, deliveries: Deliveries, works: Mapping[str, Work[Any]]) -> None:
    """Register the ingest tasks, which are acknowledged only after their outcomes are recorded."""
    for name, work in works.items():
        _register_delivery(app, deliveries, name, work)


def _register_delivery(app: Celery, deliveries: Deliveries, name: str, work: Work[Any]) -> None:
    @app.task(bind=True, name=name, shared=False, acks_late=True, typing=False)
    def deliver(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        with _about(task, payload):
            return deliveries.run(_tag_of(task), payload, work)


@dataclass(frozen=True, slots=True)
class SearchWork:
    """What the tasks of the search and the catalog queue run."""

    search: Search
    embeddings: Embeddings
    catalog: Catalog
    deletion: Deletion
    edit: ImageEdit
    models: ModelCatalog
    thumbnails: MissingThumbnails
    reads: MarkedReads


def register_search(
    app: Celery,
    work: SearchWork,
    model: str,
    clock: Clock,
    forward: Forward,
    take: Take,
    measure: Measure = lambda _, run: run,
) -> None:
    """Register the tasks that a caller waits for; errors are part of their results.

    Tasks that have expired by Redis's clock do not start. Those that change data start once.
    """

    def failed_search(error: Failure) -> Message:
        return SearchResult(encoder=model, took_ms=0, error=error)

    answer = partial(_register, app, model, clock, forward, measure, None)

    def read(task: Callable[[Read], Message]) -> Callable[[Read, Callable[[], bool]], Message]:
        return _read_only(work.reads.of(task))

    def make_thumbnail(request: ThumbnailRequest, is_wanted: Callable[[], bool]) -> Message:
        with work.reads.as_of(request):
            return work.thumbnails.run(request, is_wanted)

    answer(SEARCH_RUN, SearchRequest, read(work.search.run), failed_search)
    answer(
        EMBEDDINGS_RUN,
        EmbeddingsRequest,
        read(work.embeddings.run),
        lambda e: EmbeddingsResult(error=e),
    )
    answer(CATALOG_GET, CatalogRequest, read(work.catalog.get), lambda e: CatalogImages(error=e))
    answer(
        CATALOG_KNOWN,
        CatalogKnownRequest,
        read(work.catalog.known),
        lambda e: CatalogKnown(error=e),
    )
    answer(
        CATALOG_LIST, CatalogListRequest, read(work.catalog.list), lambda e: CatalogPage(error=e)
    )
    answer(
        CATALOG_TAGS, CatalogTagsRequest, read(work.catalog.tags), lambda e: CatalogTags(error=e)
    )
    answer(MODELS_LIST, ModelsRequest, _read_only(work.models.list), lambda e: ModelsList(error=e))
    answer(THUMBNAILS_MAKE, ThumbnailRequest, make_thumbnail, lambda e: ThumbnailResult(error=e))
    _register_changes(partial(_register, app, model, clock, forward, measure, take), work)


def _register_changes(change: Callable[..., None], work: SearchWork) -> None:
    """Register the tasks that change data, which start once."""
    change(MODELS_DROP, DropRequest, _read_only(work.models.drop), lambda e: Dropped(error=e))
    # Deletions and edits also check again that the caller still waits.
    change(CATALOG_DELETE, CatalogRequest, work.deletion.run, lambda e: CatalogDeleted(error=e))
    change(CATALOG_EDIT, EditRequest, work.edit.run, lambda e: CatalogEdited(error=e))


def _register(
    app: Celery,
    model: str,
    clock: Clock,
    forward: Forward,
    measure: Measure,
    take: Take | None,
    name: str,
    request: type[Request],
    run: Callable[[Request, Callable[[], bool]], Message],
    failed: Callable[[Failure], Message],
) -> None:
    run = measure(name, run)

    # A message that is taken must not be settled before.
    @app.task(bind=True, name=name, shared=False, typing=False, acks_late=take is not None)
    def answer(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        with _about(task, payload):
            return run_task(task, payload)

    def run_task(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        def is_wanted() -> bool:
            # Celery turns the message's headers into attributes.
            return not has_expired(vars(task.request), clock.now())

        if not is_wanted():
            _give_up(task)
        try:
            message = request.model_validate({**payload, **marks_of(vars(task.request))})
        except ValidationError:
            log.exception("task.unreadable name=%s", task.name)
            return dump(failed(_UNREADABLE))
        if take is not None and not take(_tag_of(task)):
            raise Reject("another worker has it", requeue=True)
        if take is not None or not is_just_sent(vars(task.request), model, clock.now()):
            left_s = rest_s(vars(task.request), clock.now())
            if forward(name, str(task.request.id), message, left_s):
                raise Ignore
        try:
            return dump(run(message, is_wanted))
        except GlimpseError as error:
            return dump(failed(Failure(code=error.code, detail=str(error))))


@contextmanager
def _about(task: Task[Any, Any], payload: object) -> Iterator[None]:
    """Name the task, and what it is for, in log lines and in a span.

    The payload is not validated yet.
    """
    found = payload if isinstance(payload, dict) else {}
    job, tenant = found.get("job_id"), found.get("tenant")
    named = {
        "task": str(task.request.id),
        "job": job if isinstance(job, str) else None,
        "tenant": tenant if isinstance(tenant, str) else None,
    }
    headers = vars(task.request)
    attributes = {f"glimpse.{name}": value for name, value in named.items() if value}
    with (
        bound(request=request_of(headers), **named),
        continued_span(str(task.name), headers, attributes),
    ):
        yield


def _tag_of(task: Task[Any, Any]) -> str:
    """Return the delivery tag of a task's message; empty if it was called without one."""
    # Celery's types lack the message's properties.
    properties = vars(task.request).get("properties") or {}
    return str(properties.get("delivery_tag", ""))


def _read_only(
    run: Callable[[Request], Message],
) -> Callable[[Request, Callable[[], bool]], Message]:
    """Return a read-only task, which runs to completion even if the caller stops waiting."""
    return lambda request, _: run(request)


def _give_up(task: Task[Any, Any]) -> NoReturn:
    """End a task without running it, and record it as revoked."""
    task_id = str(task.request.id)
    log.info("task.expired name=%s id=%s", task.name, task_id)
    task.backend.mark_as_revoked(task_id, "expired", task.request)
    raise Ignore
