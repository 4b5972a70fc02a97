"""Search: a weighted query to one unit vector, and the images nearest to it."""

from __future__ import annotations

import time
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from common.contract import Failure, SearchRequest, SearchResult, Term
from common.errors import GlimpseError, NotFound, ServiceError, Unprocessable
from worker.batcher import Batcher
from worker.encoders.base import Encoder
from worker.stores.base import VectorStore

# Length below which a weighted sum of unit vectors points nowhere.
_LENGTH_MIN = 1e-6
# Texts in a batch of the model, at most: more than callers that search at once.
_TEXTS_MAX = 32
# Seconds a search waits for its texts to be embedded.
_ENCODE_TIMEOUT_S = 30.0

Vector = NDArray[np.float32]


class Search:
    """Runs ``search.run``.

    Args:
        encoder: Its texts are embedded in batches across searches.
        store: Searched, and asked for the vectors of images in a query.
    """

    def __init__(self, encoder: Encoder, store: VectorStore) -> None:
        self._encoder = encoder
        self._store = store
        # No waiting: a search alone goes at once; those that come meanwhile go together.
        self._texts: Batcher[str, Vector] = Batcher(
            "texts",
            lambda texts: list(encoder.encode_texts(texts)),
            batch_max=_TEXTS_MAX,
            wait_ms=0,
            queue_max=_TEXTS_MAX * 4,
        )

    def run(self, request: SearchRequest) -> SearchResult:
        """Answer a search; what is wrong with the query is part of the answer.

        Raises:
            ServiceError: A part is away.
        """
        began = time.perf_counter()
        error = None
        hits = []
        try:
            vector = self._query_vector(request)
            hits = self._store.search(request.tenant, vector, request.top_k, request.offset)
        except ServiceError:
            raise
        except GlimpseError as refused:
            error = Failure(code=refused.code, detail=str(refused))
        if request.min_score is not None:
            hits = [hit for hit in hits if hit.score >= request.min_score]
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        return SearchResult(hits=hits, encoder=self._encoder.name, took_ms=took_ms, error=error)

    def probe(self) -> Future[Vector]:
        """Run the model on a sentence, in a batch with whatever else is there."""
        return self._texts.submit("a photo")

    @property
    def inference_at(self) -> float:
        """When the model last gave a result, in seconds since 1970; 0 before the first."""
        return self._texts.succeeded_at

    def close(self) -> None:
        """End the batcher's thread."""
        self._texts.close()

    def _query_vector(self, request: SearchRequest) -> Vector:
        """Sum the terms' unit vectors by their weights and scale the sum to unit length."""
        total = np.zeros(self._encoder.dim, dtype=np.float32)
        images = self._image_vectors(request)
        for term in request.terms:
            total += term.weight * self._term_vector(term, images)
        length = float(np.linalg.norm(total))
        if length < _LENGTH_MIN:
            raise Unprocessable("The terms of the query cancel each other out; change a weight.")
        return total / np.float32(length)

    def _term_vector(self, term: Term, images: dict[str, Vector]) -> Vector:
        if term.image_id is not None:
            return images[term.image_id]
        return self._texts.submit(term.text or "").result(timeout=_ENCODE_TIMEOUT_S)

    def _image_vectors(self, request: SearchRequest) -> dict[str, Vector]:
        ids = [term.image_id for term in request.terms if term.image_id is not None]
        found = dict(self._store.vectors(request.tenant, ids)) if ids else {}
        for image_id in ids:
            if image_id not in found:
                raise NotFound(f"There is no indexed image {image_id}.")
        return found
