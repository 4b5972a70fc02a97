"""Registers the tasks of each queue under the names in ``common.contract``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn, TypeVar

from celery import Celery, Task
from celery.exceptions import Ignore

from common.broker.queues import has_expired
from common.contract import (
    CATALOG_DELETE,
    CATALOG_GET,
    CATALOG_KNOWN,
    CATALOG_LIST,
    EMBEDDINGS_RUN,
    SEARCH_RUN,
    CatalogDeleted,
    CatalogImages,
    CatalogKnown,
    CatalogListRequest,
    CatalogPage,
    CatalogRequest,
    EmbeddingsRequest,
    EmbeddingsResult,
    Failure,
    Message,
    SearchRequest,
    SearchResult,
    dump,
)
from common.errors import GlimpseError
from common.redis_time import Clock
from worker.catalog.deletion import Deletion
from worker.catalog.queries import Catalog
from worker.ingest.deliveries import Deliveries, Work
from worker.search.embeddings import Embeddings
from worker.search.search import Search

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)


def register_ingest(app: Celery, deliveries: Deliveries, works: Mapping[str, Work[Any]]) -> None:
    """Register the ingest tasks, which are acknowledged only after their outcomes are recorded."""
    for name, work in works.items():
        _register_delivery(app, deliveries, name, work)


def _register_delivery(app: Celery, deliveries: Deliveries, name: str, work: Work[Any]) -> None:
    @app.task(bind=True, name=name, shared=False, acks_late=True, typing=False)
    def deliver(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        # Celery's types lack the message's properties.
        properties: dict[str, Any] = vars(task.request)["properties"]
        return deliveries.run(properties["delivery_tag"], payload, work)


def register_search(
    app: Celery,
    search: Search,
    embeddings: Embeddings,
    catalog: Catalog,
    deletion: Deletion,
    model: str,
    clock: Clock,
) -> None:
    """Register the tasks that a caller waits for; errors are part of their results.

    Tasks that have expired by Redis's clock do not start.
    """

    def failed_search(error: Failure) -> Message:
        return SearchResult(encoder=model, took_ms=0, error=error)

    answer = partial(_register, app, clock)
    answer(SEARCH_RUN, SearchRequest, _read_only(search.run), failed_search)
    answer(
        EMBEDDINGS_RUN,
        EmbeddingsRequest,
        _read_only(embeddings.run),
        lambda e: EmbeddingsResult(error=e),
    )
    answer(CATALOG_GET, CatalogRequest, _read_only(catalog.get), lambda e: CatalogImages(error=e))
    answer(
        CATALOG_KNOWN, CatalogRequest, _read_only(catalog.known), lambda e: CatalogKnown(error=e)
    )
    answer(
        CATALOG_LIST, CatalogListRequest, _read_only(catalog.list), lambda e: CatalogPage(error=e)
    )
    # A deletion changes data, so it checks again that the caller still waits.
    answer(CATALOG_DELETE, CatalogRequest, deletion.run, lambda e: CatalogDeleted(error=e))


def _register(
    app: Celery,
    clock: Clock,
    name: str,
    request: type[Request],
    run: Callable[[Request, Callable[[], bool]], Message],
    failed: Callable[[Failure], Message],
) -> None:
    @app.task(bind=True, name=name, shared=False, typing=False)
    def answer(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        def is_wanted() -> bool:
            # Celery turns the message's headers into attributes.
            return not has_expired(vars(task.request), clock.now())

        if not is_wanted():
            _give_up(task)
        try:
            return dump(run(request.model_validate(payload), is_wanted))
        except GlimpseError as error:
            return dump(failed(Failure(code=error.code, detail=str(error))))


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
