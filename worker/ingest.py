"""Ingest: the images of one chunk, from their blobs to rows in the store."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future

from common.blobs.base import BlobStore
from common.clock import rfc3339
from common.contract import ChunkItem, ChunkResult, ImageRecord, IngestChunk, Outcome
from common.decode import decode
from common.errors import (
    BlobsUnavailable,
    EncoderError,
    GlimpseError,
    ImageError,
    NotFound,
    ServiceError,
)
from common.jobs.base import JobRecords
from worker.encoders.base import Encoder
from worker.pipeline import IngestPipeline, Picture
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)


class Ingest:
    """Runs ``ingest.chunk``: every image ends indexed, known already, or failed by itself.

    Of a job that was cancelled nothing more is begun.

    Args:
        encoder: Its ``preprocess`` is called here; the model runs in the pipeline.
        store: Asked for what is indexed already.
        pipeline: Encodes and writes.
        blobs: Where the bytes wait.
        jobs: Where outcomes are noted.
        pixels_max: Pixels of one picture, at most.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        store: VectorStore,
        pipeline: IngestPipeline,
        blobs: BlobStore,
        jobs: JobRecords,
        pixels_max: int,
    ) -> None:
        self._encoder = encoder
        self._store = store
        self._pipeline = pipeline
        self._blobs = blobs
        self._jobs = jobs
        self._pixels_max = pixels_max

    def run(self, chunk: IngestChunk) -> ChunkResult:
        """Ingest a chunk; running it again changes nothing.

        Raises:
            ServiceError: A part is away; run the chunk again later. What is
                indexed by then is found indexed.
        """
        if not self._jobs.begin(chunk.job_id, [item.index for item in chunk.items]):
            return self._cancel(chunk)
        stored = self._store.known(chunk.tenant, [item.id for item in chunk.items])
        begun = [
            _stored(item, stored[item.id], chunk) if item.id in stored else self._begin(item, chunk)
            for item in chunk.items
        ]
        outcomes = [_finish(item, state) for item, state in zip(chunk.items, begun, strict=True)]
        self._jobs.record(chunk.job_id, outcomes)
        return ChunkResult(outcomes=outcomes)

    def give_up(self, chunk: IngestChunk) -> ChunkResult:
        """End a chunk that cannot be run: what is not indexed fails with ``encoder_error``.

        Raises:
            ServiceError: A part is away; call it again later.
        """
        error = EncoderError("The worker failed on this picture's chunk; its log says why.")
        try:
            stored = self._store.known(chunk.tenant, [item.id for item in chunk.items])
        except ServiceError:
            raise
        except Exception:
            # This may be the very fault that the chunk is given up for.
            log.exception("ingest.known_failed")
            stored = {}
        outcomes = [
            _stored(item, stored[item.id], chunk) if item.id in stored else _failed(item, error)
            for item in chunk.items
        ]
        self._jobs.record(chunk.job_id, outcomes)
        return ChunkResult(outcomes=outcomes)

    def _cancel(self, chunk: IngestChunk) -> ChunkResult:
        outcomes = [
            Outcome(index=item.index, id=item.id, state="cancelled") for item in chunk.items
        ]
        self._jobs.record(chunk.job_id, outcomes)
        return ChunkResult(outcomes=outcomes)

    def _begin(self, item: ChunkItem, chunk: IngestChunk) -> Outcome | Future[None]:
        try:
            picture = self._prepare(item, chunk)
        except ImageError as error:
            return _failed(item, error)
        except ServiceError:
            raise
        except Exception as error:
            log.exception("ingest.image_failed id=%s", item.id)
            return _failed(item, EncoderError(f"The picture could not be prepared: {error}"))
        return self._pipeline.submit(picture)

    def _prepare(self, item: ChunkItem, chunk: IngestChunk) -> Picture:
        data = self._read(item, chunk.tenant)
        decoded = decode(data, self._pixels_max)
        record = ImageRecord(
            id=item.id,
            filename=item.filename,
            bytes=len(data),
            width=decoded.width,
            height=decoded.height,
            format=decoded.format,
            tags=chunk.tags,
            metadata=chunk.metadata,
            indexed_at=rfc3339(time.time()),
        )
        pixels = self._encoder.preprocess(decoded.image)
        return Picture(chunk.tenant, record, chunk.job_id, pixels)

    def _read(self, item: ChunkItem, tenant: str) -> bytes:
        try:
            return self._blobs.read(tenant, item.id)
        except NotFound as error:
            # The API stored the bytes before it sent the task: this worker looks elsewhere.
            raise BlobsUnavailable(
                f"The bytes of image {item.id} are not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR."
            ) from error


def _stored(item: ChunkItem, job_id: str, chunk: IngestChunk) -> Outcome:
    """Tell an image that this very job indexed, in a run cut short, from a duplicate."""
    state = "indexed" if job_id == chunk.job_id else "duplicate"
    return Outcome(index=item.index, id=item.id, state=state)


def _finish(item: ChunkItem, state: Outcome | Future[None]) -> Outcome:
    if isinstance(state, Outcome):
        return state
    try:
        state.result()
    except ServiceError:
        raise
    except GlimpseError as error:
        return _failed(item, error)
    except Exception as error:
        log.exception("ingest.image_failed id=%s", item.id)
        return _failed(item, EncoderError(f"The picture could not be embedded: {error}"))
    return Outcome(index=item.index, id=item.id, state="indexed")


def _failed(item: ChunkItem, error: GlimpseError) -> Outcome:
    return Outcome(index=item.index, id=item.id, state="failed", code=error.code, detail=str(error))
