"""Search: finds the images nearest to a weighted query."""

from __future__ import annotations

import time
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.contract import Failure, Hit, NoiseThreshold, SearchRequest, SearchResult
from common.errors import GlimpseError, NoThreshold, ServiceError
from common.settings import Settings
from worker.decoding_time import DecodingTime
from worker.encoders.base import Encoder
from worker.encoders.noise import noise_of
from worker.metrics.instruments import WorkerMetrics
from worker.search.embedder import Embedder
from worker.search.embedding_cache import EmbeddingCache
from worker.search.groups import Groups
from worker.search.input_vectors import InputVectors
from worker.search.pictures import QueryPictures
from worker.search.prompts import Prompts
from worker.search.query import combine, noise_score
from worker.stores.base import VectorStore

Vector = NDArray[np.float32]


class Search:
    """Runs ``search.run``.

    Args:
        model: Name of the encoder.
        embedder: Embeds the texts and pictures of queries.
        pictures: Reads the pictures of queries.
        store: Searched, and provides the vectors of images in queries.
        noise: What is known of the encoder's noise.
    """

    def __init__(
        self,
        model: str,
        embedder: Embedder,
        pictures: QueryPictures,
        store: VectorStore,
        noise: NoiseThreshold,
    ) -> None:
        self._model = model
        self._noise = noise
        self._embedder = embedder
        # Embeds the terms; ``Embeddings`` shares it.
        self.inputs = InputVectors(embedder, pictures, store)
        self._store = store
        self._groups = Groups(store)

    @classmethod
    def of(
        cls,
        settings: Settings,
        encoder: Encoder,
        store: VectorStore,
        queries: BlobStore,
        metrics: WorkerMetrics | None = None,
        decoding_time: DecodingTime | None = None,
    ) -> Search:
        """Create a search from the settings.

        Args:
            settings: The worker's settings.
            encoder: The model.
            store: The vector store.
            queries: The store in which the API puts the pictures of queries.
            metrics: Receive the batches and the cache's lookups.
            decoding_time: Measures how long each picture of a query takes to decode.
        """
        metrics = metrics or WorkerMetrics()
        model = f"{encoder.name}@{encoder.revision}"
        cache = EmbeddingCache(model, settings.query_cache, metrics.looked_up)
        embedder = Embedder(encoder, Prompts(settings.prompt_template), cache, metrics.batch)
        pictures = QueryPictures(queries, encoder, settings.image_pixels_max, decoding_time)
        return cls(encoder.name, embedder, pictures, store, noise_of(encoder, settings))

    def run(self, request: SearchRequest) -> SearchResult:
        """Run a search; errors in the query are part of the result.

        Raises:
            ServiceError: A part of the service is unavailable.
        """
        began = time.perf_counter()
        error, noise = None, None
        hits: list[Hit] = []
        try:
            vectors = self._vectors(request)
            vector = combine([term.weight for term in request.terms], vectors)
            noise = noise_score(request.terms, vectors, self._noise)
            hits = self._hits(request, vector, _min_score(request, noise))
        except ServiceError:
            raise
        except GlimpseError as refused:
            error = Failure(code=refused.code, detail=str(refused))
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        return SearchResult(
            hits=hits,
            encoder=self._model,
            noise_threshold=noise,
            took_ms=took_ms,
            error=error,
        )

    def probe(self) -> Future[Vector]:
        """Run a real inference."""
        return self._embedder.probe()

    @property
    def inference_at(self) -> float:
        """Unix time of the model's last result; 0 before the first."""
        return self._embedder.inference_at

    def close(self) -> None:
        """Stop the threads."""
        self._embedder.close()

    def _vectors(self, request: SearchRequest) -> list[Vector]:
        begun = self.inputs.begin(request.tenant, request.terms)
        return [self.inputs.finish(each) for each in begun]

    def _hits(self, request: SearchRequest, vector: Vector, min_score: float | None) -> list[Hit]:
        if request.group_duplicates is not None:
            return self._groups.find(request, vector, min_score)
        hits = self._store.search(
            request.tenant, vector, request.top_k, request.offset, request.filter
        )
        if min_score is None:
            return hits
        return [hit for hit in hits if hit.score >= min_score]


def _min_score(request: SearchRequest, noise: float | None) -> float | None:
    """Return the minimum score of a hit.

    Raises:
        NoThreshold: It is "auto", and there is no noise threshold for this query.
    """
    if request.min_score != "auto":
        return request.min_score
    if noise is None:
        raise NoThreshold(
            "The model has no noise threshold for such a query; send min_score as a number, or"
            " measure the threshold and set GLIMPSE_NOISE_TEXT and GLIMPSE_NOISE_IMAGE."
        )
    return noise
