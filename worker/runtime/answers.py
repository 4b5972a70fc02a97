"""The tasks that a caller waits for, without what delivers them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

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
from worker.catalog.deletion import Deletion
from worker.catalog.edit import ImageEdit
from worker.catalog.models import ModelCatalog
from worker.catalog.queries import Catalog
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.stores.as_of import MarkedReads
from worker.thumbnails.missing import MissingThumbnails

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Payload)
Read = TypeVar("Read", bound=ReadRequest)

# Says whether the caller still waits.
IsWanted = Callable[[], bool]

# The answer to a payload of a later version.
_UNREADABLE = Failure(
    code=WorkerUnavailable.code,
    detail="The search worker is older than the API; upgrade the workers, then try again.",
)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Request]):
    """How one task is answered; errors are part of its result.

    Attributes:
        name: The task's name.
        request: Type of its payload.
        run: Returns its result.
        failed: Returns the result for an error.
        starts_once: Whether it changes data, so that no two workers may start it.
    """

    name: str
    request: type[Request]
    run: Callable[[Request, IsWanted], Message]
    failed: Callable[[Failure], Message]
    starts_once: bool = False

    def parse(self, payload: Mapping[str, Any]) -> Request | None:
        """Return the request in a payload; None if this version cannot read it."""
        try:
            return self.request.model_validate(payload)
        except ValidationError:
            log.exception("task.unreadable name=%s", self.name)
            return None

    def unreadable(self) -> dict[str, Any]:
        """Return the result for a payload that cannot be read."""
        return dump(self.failed(_UNREADABLE))

    def result(self, request: Request, is_wanted: IsWanted) -> dict[str, Any]:
        """Run the task and return its result."""
        try:
            return dump(self.run(request, is_wanted))
        except GlimpseError as error:
            return dump(self.failed(Failure(code=error.code, detail=str(error))))


@dataclass(frozen=True, slots=True)
class SearchWork:
    """What the tasks of the search and the catalog queue run.

    Attributes:
        model: Name of the model that searches are for.
    """

    model: str
    search: Search
    embeddings: Embeddings
    catalog: Catalog
    deletion: Deletion
    edit: ImageEdit
    models: ModelCatalog
    thumbnails: MissingThumbnails
    reads: MarkedReads

    def answers(self) -> Iterator[Answer[Any]]:
        """Return how each task is answered."""
        yield from self._reads()
        yield from self._changes()

    def _reads(self) -> Iterator[Answer[Any]]:
        read = self._as_of_marks
        yield Answer(SEARCH_RUN, SearchRequest, read(self.search.run), self._failed_search)
        yield Answer(
            EMBEDDINGS_RUN,
            EmbeddingsRequest,
            read(self.embeddings.run),
            lambda e: EmbeddingsResult(error=e),
        )
        yield from self._catalog_reads()
        yield Answer(
            MODELS_LIST,
            ModelsRequest,
            _to_completion(self.models.list),
            lambda e: ModelsList(error=e),
        )
        yield Answer(
            THUMBNAILS_MAKE,
            ThumbnailRequest,
            self._make_thumbnail,
            lambda e: ThumbnailResult(error=e),
        )

    def _catalog_reads(self) -> Iterator[Answer[Any]]:
        read, catalog = self._as_of_marks, self.catalog
        yield Answer(
            CATALOG_GET, CatalogRequest, read(catalog.get), lambda e: CatalogImages(error=e)
        )
        yield Answer(
            CATALOG_KNOWN, CatalogKnownRequest, read(catalog.known), lambda e: CatalogKnown(error=e)
        )
        yield Answer(
            CATALOG_LIST, CatalogListRequest, read(catalog.list), lambda e: CatalogPage(error=e)
        )
        yield Answer(
            CATALOG_TAGS, CatalogTagsRequest, read(catalog.tags), lambda e: CatalogTags(error=e)
        )

    def _changes(self) -> Iterator[Answer[Any]]:
        once = partial(Answer, starts_once=True)
        drop = _to_completion(self.models.drop)
        yield once(MODELS_DROP, DropRequest, drop, lambda e: Dropped(error=e))
        # Deletions and edits also check again that the caller still waits.
        delete, edit = self.deletion.run, self.edit.run
        yield once(CATALOG_DELETE, CatalogRequest, delete, lambda e: CatalogDeleted(error=e))
        yield once(CATALOG_EDIT, EditRequest, edit, lambda e: CatalogEdited(error=e))

    def _as_of_marks(self, run: Callable[[Read], Message]) -> Callable[[Read, IsWanted], Message]:
        return _to_completion(self.reads.of(run))

    def _make_thumbnail(self, request: ThumbnailRequest, is_wanted: IsWanted) -> Message:
        with self.reads.as_of(request):
            return self.thumbnails.run(request, is_wanted)

    def _failed_search(self, error: Failure) -> Message:
        return SearchResult(encoder=self.model, took_ms=0, error=error)


def _to_completion(run: Callable[[Request], Message]) -> Callable[[Request, IsWanted], Message]:
    """Return a task that runs to completion even if the caller stops waiting."""
    return lambda request, _: run(request)
