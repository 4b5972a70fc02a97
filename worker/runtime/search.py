"""The parts of a search worker, and how they are assembled."""

from __future__ import annotations

from functools import cached_property

from common.contract import CATALOG_QUEUE
from common.redis.time import RedisClock
from common.settings import Settings
from worker.catalog.deletion import Deletion
from worker.catalog.edit import ImageEdit
from worker.catalog.models import ModelCatalog
from worker.catalog.queries import Catalog
from worker.encoders.base import Encoder
from worker.encoders.noise import noise_of
from worker.metrics.instruments import WorkerMetrics
from worker.metrics.measured import measured_encoder, measured_store, measured_task
from worker.runtime.answers import SearchWork
from worker.runtime.base import Parts, Runtime
from worker.runtime.celery_app import create_app
from worker.runtime.tasks import register_search
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.search.warm_up import warm_up
from worker.stores.as_of import MarkedReads
from worker.stores.base import VectorStore
from worker.thumbnails.missing import MissingThumbnails
from worker.traced import traced_store

# Threads for tasks of the catalog queue, in addition to those for searches. No more of these tasks
# are held at once, so that slow ones, such as a check of many ids, delay no search.
_CATALOG_THREADS = 8


class SearchParts(Parts):
    """The parts of one search worker."""

    @cached_property
    def search(self) -> Search:
        """Encodes queries and searches the store."""
        encoder = measured_encoder(self.encoder, self.metrics)
        return Search.of(
            self.settings,
            encoder,
            self.store,
            self._stores.queries,
            self.metrics,
            self.decoding_time,
        )

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
            self._quotas,
            self._marks,
        )

    @cached_property
    def work(self) -> SearchWork:
        """What the tasks of the queue run."""
        return SearchWork(
            self.encoder.name,
            self.search,
            self.embeddings,
            self.catalog,
            self.deletion,
            ImageEdit(self.editor, self.store, self._claims, self._marks),
            ModelCatalog(self.collections),
            self._missing_thumbnails(),
            MarkedReads(self.store, self._marks),
        )

    @cached_property
    def clock(self) -> RedisClock:
        """Redis's clock, which decides whether tasks have expired."""
        return RedisClock(self._redis)

    def _missing_thumbnails(self) -> MissingThumbnails:
        return MissingThumbnails(self._blobs, self.store, self.settings.image_pixels_max)

    def close(self) -> None:
        """Finish the work in progress and close every part."""
        self.search.close()
        self.amends.close()
        self.store.close()


def search_runtime(
    settings: Settings, encoder: Encoder, store: VectorStore, metrics: WorkerMetrics
) -> Runtime:
    """Warm up the model and register the tasks of the search and the catalog queue."""
    warm_up(encoder, store)
    seen_store = traced_store(measured_store(store, metrics))
    parts = SearchParts(settings, encoder, seen_store, metrics)
    # The waiting caller reads a result once, and soon.
    held_max = {CATALOG_QUEUE: _CATALOG_THREADS}
    app = create_app(settings, parts.leases, settings.search_ttl_s, held_max)
    register_search(
        app,
        parts.work.answers(),
        encoder.name,
        parts.clock,
        parts.routing.forwards,
        parts.leases.take,
        lambda name, run: measured_task(name, run, metrics),
    )
    return Runtime(
        app,
        encoder,
        store,
        probe=parts.search.probe,
        inference_at=lambda: parts.search.inference_at,
        leases=parts.leases,
        upkeep=None,
        close=parts.close,
        threads=settings.search_threads + _CATALOG_THREADS,
        noise=noise_of(encoder, settings),
        decoding_time=parts.decoding_time,
    )
