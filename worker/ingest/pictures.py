"""Pictures on their way to the model: read from the blob store, decoded, prepared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.contract import ChunkItem, ImageRecord, IngestChunk
from common.errors import BlobsUnavailable, GlimpseError, NotFound, StoreError
from common.images.decode import decode
from common.rfc3339 import rfc3339
from worker.encoders.base import Encoder
from worker.encoders.preparing import preparing
from worker.ingest.missing_blobs import MissingBlobs


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, ready for the model, with all that is stored of it."""

    tenant: str
    record: ImageRecord
    job_id: str
    # Who has claimed its image.
    owner: str
    # What the encoder's ``preprocess`` returned: uint8 [height, width, 3].
    pixels: NDArray[np.uint8]


class PictureReader:
    """Makes pictures of a chunk's items; used by several threads at once.

    Args:
        blobs: Where the bytes wait.
        encoder: Its ``preprocess`` is called.
        pixels_max: Pixels of one picture, at most.
        is_here: Tells whether ``blobs`` is where the API stores; without it bytes that are
            missing are waited for, however long it takes.
        on_found: Called when bytes were found: ``blobs`` is there.
        missing_s: Seconds that bytes may be missing while it is.
        missing: Remembers since when.
    """

    def __init__(
        self,
        blobs: BlobStore,
        encoder: Encoder,
        pixels_max: int,
        *,
        is_here: Callable[[], bool] = lambda: False,
        on_found: Callable[[], None] = lambda: None,
        missing_s: float = 0.0,
        missing: MissingBlobs | None = None,
    ) -> None:
        self._blobs = blobs
        self._encoder = encoder
        self._pixels_max = pixels_max
        self._is_here = is_here
        self._on_found = on_found
        self._missing_s = missing_s
        self._missing = missing or MissingBlobs()

    def read(self, item: ChunkItem, chunk: IngestChunk, owner: str) -> Picture:
        """Return an item's picture.

        Args:
            item: Which.
            chunk: What it is an item of.
            owner: Who has claimed the image.

        Raises:
            ImageError: The bytes are no picture that can be used.
            EncoderError: It cannot be prepared, for a reason that nobody foresaw.
            BlobsUnavailable: The bytes cannot be read now.
            StoreError: They are gone.
        """
        with preparing(item.id):
            return self._read(item, chunk, owner)

    def _read(self, item: ChunkItem, chunk: IngestChunk, owner: str) -> Picture:
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
        return Picture(chunk.tenant, record, chunk.job_id, owner, pixels)

    def _bytes(self, item: ChunkItem, tenant: str) -> bytes:
        try:
            data = self._read_or_restore(tenant, item.id)
        except NotFound as error:
            raise self._absent(tenant, item.id) from error
        self._missing.forget(tenant, item.id)
        self._on_found()
        return data

    def _absent(self, tenant: str, image_id: str) -> GlimpseError:
        """Return why an image's bytes, which the API stored before the task was sent, are absent.

        They are given up only after they were missing for a while, and only while the rest
        of the blob store is there.
        """
        if not self._is_here():
            self._missing.clear()
            return BlobsUnavailable(
                f"The bytes of image {image_id} are not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR."
            )
        seconds = self._missing.note(tenant, image_id)
        if seconds < self._missing_s:
            return BlobsUnavailable(
                f"The bytes of image {image_id} are missing from the blob store, for "
                f"{seconds:.0f} s by now."
            )
        self._missing.forget(tenant, image_id)
        return StoreError(
            f"The bytes of image {image_id} are gone from the blob store; upload it anew."
        )

    def _read_or_restore(self, tenant: str, image_id: str) -> bytes:
        """Return a blob's bytes, also where its image was deleted after the upload came."""
        try:
            return self._blobs.read(tenant, image_id)
        except NotFound:
            if not self._blobs.restore(tenant, image_id):
                raise
        return self._blobs.read(tenant, image_id)
