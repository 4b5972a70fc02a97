"""The tasks of each queue, registered under the names of the contract."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from celery import Celery, Task

from common.contract import (
    CATALOG_GET,
    CATALOG_KNOWN,
    INGEST_CHUNK,
    SEARCH_RUN,
    CatalogImages,
    CatalogKnown,
    CatalogRequest,
    Failure,
    IngestChunk,
    Message,
    SearchRequest,
    SearchResult,
    dump,
)
from common.errors import ServiceError
from common.settings import Settings
from worker.catalog import Catalog
from worker.ingest import Ingest
from worker.search import Search

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)


def register_ingest(app: Celery, ingest: Ingest, settings: Settings) -> None:
    """Register ``ingest.chunk``; while a part is away a chunk goes back and waits."""

    @app.task(
        bind=True, name=INGEST_CHUNK, shared=False, acks_late=True, max_retries=None, typing=False
    )
    def ingest_chunk(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return dump(ingest.run(IngestChunk.model_validate(payload)))
        except ServiceError as error:
            wait_s = retry_wait_s(task.request.retries or 0, settings)
            log.warning("ingest.retry code=%s wait_s=%.1f %s", error.code, wait_s, error)
            raise task.retry(exc=error, countdown=wait_s) from error


def register_search(app: Celery, search: Search, catalog: Catalog, model: str) -> None:
    """Register the tasks that a caller waits for: they answer at once, with an error if need be."""

    def failed_search(error: Failure) -> Message:
        return SearchResult(encoder=model, took_ms=0, error=error)

    _register(app, SEARCH_RUN, SearchRequest, search.run, failed_search)
    _register(app, CATALOG_GET, CatalogRequest, catalog.get, lambda e: CatalogImages(error=e))
    _register(app, CATALOG_KNOWN, CatalogRequest, catalog.known, lambda e: CatalogKnown(error=e))


def _register(
    app: Celery,
    name: str,
    request: type[Request],
    run: Callable[[Request], Message],
    failed: Callable[[Failure], Message],
) -> None:
    def task(payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return dump(run(request.model_validate(payload)))
        except ServiceError as error:
            return dump(failed(Failure(code=error.code, detail=str(error))))

    app.task(name=name, shared=False, typing=False)(task)


def retry_wait_s(retries: int, settings: Settings) -> float:
    """Return the seconds to wait before the next try: doubling, up to a limit."""
    return min(settings.retry_s * 2.0 ** min(retries, 30), settings.retry_s_max)
