"""The embedder: embeds the texts and pictures of concurrent searches in batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from worker.batcher import Batcher, OnBatch, no_report
from worker.encoders.base import Encoder
from worker.search.embedding_cache import EmbeddingCache
from worker.search.prompts import Prompts

# Maximum texts, and pictures, in a batch: more than there are concurrent searches.
_TEXTS_MAX, _PICTURES_MAX = 32, 16
# Seconds a search waits for an embedding.
_TIMEOUT_S = 30.0

Vector = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Embedder:
    """Embeds for any number of concurrent searches.

    Batches do not wait to fill: a single search runs at once, and those that arrive
    meanwhile form the next batch.

    Args:
        encoder: The model.
        prompts: Wraps texts in a template.
        cache: Embeddings of recent texts.
        on_batch: Called with each batch.
    """

    def __init__(
        self,
        encoder: Encoder,
        prompts: Prompts,
        cache: EmbeddingCache,
        on_batch: OnBatch = no_report,
    ) -> None:
        self._encoder = encoder
        self._prompts = prompts
        self._cache = cache
        # Bounds concurrent calls of the encoder: texts and pictures come from two threads.
        self._turns = threading.Semaphore(encoder.concurrency)
        self._texts: Batcher[str, Vector] = Batcher(
            "texts",
            self._encode_texts,
            batch_max=_TEXTS_MAX,
            wait_ms=0,
            queue_max=_TEXTS_MAX * 4,
            on_batch=on_batch,
        )
        self._pictures: Batcher[Pixels, Vector] = Batcher(
            "pictures",
            self._encode_pictures,
            batch_max=_PICTURES_MAX,
            wait_ms=0,
            queue_max=_PICTURES_MAX * 4,
            on_batch=on_batch,
        )

    def begin_texts(self, texts: Sequence[str]) -> dict[str, Future[Vector]]:
        """Start embedding texts, each once; the futures of cached ones are already done."""
        found: dict[str, Future[Vector]] = {}
        absent: dict[str, str] = {}
        for text in dict.fromkeys(texts):
            prompt = self._prompts.wrap(text)
            vector = self._cache.get(prompt)
            if vector is None:
                absent[text] = prompt
            else:
                found[text] = Future()
                found[text].set_result(vector)
        futures = self._texts.submit_many(list(absent.values())) if absent else []
        return found | dict(zip(absent, futures, strict=True))

    def begin_picture(self, pixels: Pixels) -> Future[Vector]:
        """Start embedding one picture, preprocessed by ``Encoder.preprocess``."""
        return self._pictures.submit(pixels)

    def finish(self, begun: Future[Vector]) -> Vector:
        """Wait for an embedding and return it: float32 [dim], of unit length.

        Raises:
            EncoderError: The model failed on this input.
        """
        return begun.result(timeout=_TIMEOUT_S)

    def probe(self) -> Future[Vector]:
        """Run the model on a sentence, batched with queued texts."""
        return self._texts.submit("a photo")

    @property
    def inference_at(self) -> float:
        """Unix time of the model's last result; 0 before the first."""
        return max(self._texts.succeeded_at, self._pictures.succeeded_at)

    def close(self) -> None:
        """Stop the batchers' threads."""
        self._texts.close()
        self._pictures.close()

    def _encode_texts(self, prompts: list[str]) -> list[Vector]:
        with self._turns:
            vectors = list(self._encoder.encode_texts(prompts))
        for prompt, vector in zip(prompts, vectors, strict=True):
            self._cache.put(prompt, vector)
        return vectors

    def _encode_pictures(self, pictures: list[Pixels]) -> list[Vector]:
        with self._turns:
            return list(self._encoder.encode_images(pictures))
