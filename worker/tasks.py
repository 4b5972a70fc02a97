"""The tasks of each queue, registered under the names of the contract."""

from __future__ import annotations

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
    Message,
    SearchRequest,
    SearchResult,
    dump,
)
from common.errors import ServiceError
from worker.catalog import Catalog
from worker.chunks import Chunks
from worker.search import Search

Request = TypeVar("Request", bound=Message)


def register_ingest(app: Celery, chunks: Chunks) -> None:
    """Register ``ingest.chunk``; it is acknowledged when its outcomes are noted, not before."""

    @app.task(bind=True, name=INGEST_CHUNK, shared=False, acks_late=True, typing=False)
    def ingest_chunk(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        # Celery's types do not know the properties of the message.
        properties: dict[str, Any] = vars(task.request)["properties"]
        return chunks.run(properties["delivery_tag"], payload)


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
