"""The parts of a search worker, and how they are assembled."""

from __future__ import annotations

from functools import cached_property

from common.redis_time import RedisClock
from common.settings import Settings
from worker.catalog.deletion import Deletion
from worker.catalog.models import ModelCatalog
from worker.catalog.queries import Catalog
from worker.encoders.base import Encoder
from worker.runtime.base import Parts, Runtime
from worker.runtime.celery_app import create_app
from worker.runtime.tasks import SearchWork, register_search
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.search.warm_up import warm_up
from worker.stores.as_of import MarkedReads
from worker.stores.base import VectorStore


class SearchParts(Parts):
    """The parts of one search worker."""

    @cached_property
    def search(self) -> Search:
        """Encodes queries and searches the store."""
        return Search.of(self.settings, self.encoder, self.store, self._queries)

    @cached_property
    def embeddings(self) -> Embeddings:
        """Embeds texts, images and pictures for callers, in the batches of the searches."""
        return Embeddings(self.encoder, self.search.inputs)

    @cached_property
    def catalog(self) -> Catalog:
        """Looks up and lists images."""
        return Catalog(self.store)

    @cached_property
    def deletion(self) -> Deletion:
        """Deletes images."""
        return Deletion(
            self.store,
            self._blobs,
            self._jobs,
            self._claims,
            self._dead_letters,
            self._fence,
            self.collections,
            self._marks,
        )

    @cached_property
    def work(self) -> SearchWork:
        """What the tasks of the queue run."""
        models = ModelCatalog(self.collections)
        reads = MarkedReads(self.store, self._marks)
        return SearchWork(self.search, self.embeddings, self.catalog, self.deletion, models, reads)

    @cached_property
    def clock(self) -> RedisClock:
        """Redis's clock, which decides whether tasks have expired."""
        return RedisClock(self._redis)

    def close(self) -> None:
        """Finish the work in progress and close every part."""
        self.search.close()
        self.amends.close()
        self.store.close()


def search_runtime(settings: Settings, encoder: Encoder, store: VectorStore) -> Runtime:
    """Warm up the model and register the tasks of the search queue."""
    warm_up(encoder, store)
    parts = SearchParts(settings, encoder, store)
    # The waiting caller reads a result once, and soon.
    app = create_app(settings, parts.leases, settings.search_ttl_s)
    register_search(app, parts.work, encoder.name, parts.clock, parts.routing.forwards)
    return Runtime(
        app,
        encoder,
        store,
        probe=parts.search.probe,
        inference_at=lambda: parts.search.inference_at,
        leases=parts.leases,
        upkeep=None,
        close=parts.close,
        threads=settings.search_threads,
    )
