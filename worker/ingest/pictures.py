"""Pictures on their way to the model: read from the blob store, decoded, prepared."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.clock import rfc3339
from common.contract import ChunkItem, ImageRecord, IngestChunk
from common.decode import decode
from common.errors import BlobsUnavailable, EncoderError, GlimpseError, NotFound
from worker.encoders.base import Encoder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, ready for the model, with all that is stored of it."""

    tenant: str
    record: ImageRecord
    job_id: str
    # What the encoder's ``preprocess`` returned: uint8 [height, width, 3].
    pixels: NDArray[np.uint8]


class PictureReader:
    """Makes pictures of a chunk's items; used by several threads at once.

    Args:
        blobs: Where the bytes wait.
        encoder: Its ``preprocess`` is called.
        pixels_max: Pixels of one picture, at most.
    """

    def __init__(self, blobs: BlobStore, encoder: Encoder, pixels_max: int) -> None:
        self._blobs = blobs
        self._encoder = encoder
        self._pixels_max = pixels_max

    def read(self, item: ChunkItem, chunk: IngestChunk) -> Picture:
        """Return an item's picture.

        Raises:
            ImageError: The bytes are no picture that can be used.
            EncoderError: It cannot be prepared, for a reason that nobody foresaw.
            BlobsUnavailable: The bytes cannot be read now.
        """
        try:
            return self._read(item, chunk)
        except GlimpseError:
            raise
        except Exception as error:
            log.exception("ingest.image_failed id=%s", item.id)
            raise EncoderError(f"The picture could not be prepared: {error}") from error

    def _read(self, item: ChunkItem, chunk: IngestChunk) -> Picture:
        data = self._bytes(item, chunk.tenant)
        decoded = decode(data, self._pixels_max, self._encoder.draft_side)
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

    def _bytes(self, item: ChunkItem, tenant: str) -> bytes:
        try:
            return self._read_or_restore(tenant, item.id)
        except NotFound as error:
            # The API stored the bytes before it sent the task: this worker looks elsewhere.
            raise BlobsUnavailable(
                f"The bytes of image {item.id} are not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR."
            ) from error

    def _read_or_restore(self, tenant: str, image_id: str) -> bytes:
        """Return a blob's bytes, also where its image was deleted after the upload came."""
        try:
            return self._blobs.read(tenant, image_id)
        except NotFound:
            if not self._blobs.restore(tenant, image_id):
                raise
        return self._blobs.read(tenant, image_id)
