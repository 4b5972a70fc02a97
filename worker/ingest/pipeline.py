"""The ingest pipeline: decodes pictures, encodes them and writes their rows, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import ImagesBusy
from worker.batcher import Batcher, OnBatch, no_report
from worker.decoders.threads import DecoderThreads
from worker.encoders.base import Encoder
from worker.ingest.concurrency_limit import ConcurrencyLimit
from worker.ingest.pictures import Picture
from worker.late_writes.fence import Claimed, Fence
from worker.stores.base import Row, VectorStore

# Batches that may be queued before each stage.
BATCHES_WAITING = 2
# Maximum seconds that rows gather after a write: what they add to the time of a picture.
_REST_S_MAX = 0.25


@dataclass(frozen=True, slots=True)
class Probe:
    """Pixels that run through the model like a picture's, but are not stored."""

    pixels: NDArray[np.uint8]


class IngestPipeline:
    """Runs three stages: a pool of decoders, the model's threads, and the writers.

    While batches are written, the next one is encoded and later ones are decoded. A
    writer takes all rows that wait, up to what the store takes at once, so that calls
    grow while the store is slow; it rests after a call if each costs the store much.
    Every queue is bounded: a slow store blocks the model, the model the decoders, and
    the decoders the tasks.

    Args:
        encoder: Called only by the model's threads, of which there are ``concurrency``.
        store: Written to only by the writers, as many as it takes calls at once.
        fence: Drops rows whose claims were lost.
        batch_max: Maximum pictures in a batch.
        wait_ms: Maximum time a picture waits for its batch to fill, in milliseconds.
        decoders: Number of decoder threads.
        limit: Receives the measured latencies.
        on_batch: Called with each batch of the model and of the writers.
    """

    def __init__(
        self,
        encoder: Encoder,
        store: VectorStore,
        fence: Fence,
        *,
        batch_max: int,
        wait_ms: float,
        decoders: int = 1,
        limit: ConcurrencyLimit | None = None,
        on_batch: OnBatch = no_report,
    ) -> None:
        self.limit = limit or ConcurrencyLimit(batch_max, encoder.concurrency, batch_max)
        self._encoder = encoder
        self._store = store
        self._fence = fence
        waiting = batch_max * BATCHES_WAITING
        self._writer: Batcher[Claimed, None] = Batcher(
            "writer",
            self._write,
            batch_max=store.writes.rows,
            wait_ms=0,
            queue_max=waiting,
            threads=store.writes.calls,
            on_batch=on_batch,
            rest_s=lambda call_s: min(store.writes.rest * call_s, _REST_S_MAX),
        )
        self._model: Batcher[Picture | Probe, None] = Batcher(
            "model",
            self._encode,
            batch_max=batch_max,
            wait_ms=wait_ms,
            queue_max=waiting,
            threads=encoder.concurrency,
            on_batch=on_batch,
        )
        self._decoders: DecoderThreads[Picture] = DecoderThreads(decoders, self._model.submit)

    def submit(self, read: Callable[[], Picture]) -> Future[None]:
        """Submit a picture by the function that reads it.

        The future is done when a search can find the image. It raises the error that ``read``
        raises, ``EncoderError``, ``StoreError`` or a ``ServiceError``: ``ImagesBusy`` if the
        claim on the image was lost meanwhile.
        """
        return self._decoders.submit(read)

    def probe(self, pixels: NDArray[np.uint8]) -> Future[None]:
        """Run the model on pixels, batched with queued pictures, and store nothing."""
        return self._model.submit(Probe(pixels))

    @property
    def inference_at(self) -> float:
        """Unix time of the model's last result; 0 before the first."""
        return self._model.succeeded_at

    def close(self) -> None:
        """Finish the submitted pictures and stop all threads."""
        self._decoders.close()
        self._model.close()
        self._writer.close()

    def _encode(self, items: list[Picture | Probe]) -> Sequence[Future[None] | None]:
        try:
            with self.limit.encoding(len(items)):
                vectors = self._encoder.encode_images([item.pixels for item in items])
        finally:
            for item in items:
                if isinstance(item, Picture):
                    item.room.shrink(0)
        rows = [
            Claimed(item.owner, Row(item.tenant, item.record, vector, item.job_id))
            for item, vector in zip(items, vectors, strict=True)
            if isinstance(item, Picture)
        ]
        written = iter(self._writer.submit_many(rows) if rows else [])
        return [next(written) if isinstance(item, Picture) else None for item in items]

    def _write(self, rows: list[Claimed]) -> Sequence[Future[None] | None]:
        with self.limit.writing():
            held = self._fence.write(rows, self._store.upsert)
        return [None if holds else _lost() for holds in held]


def _lost() -> Future[None]:
    """Return the result of a picture whose claim was lost, which makes its task retry."""
    lost: Future[None] = Future()
    lost.set_exception(ImagesBusy("Another worker has claimed the image."))
    return lost
