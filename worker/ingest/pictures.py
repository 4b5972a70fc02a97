"""Pictures for the model: read from the blob store, decoded and preprocessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.contract import ChunkItem, ImageRecord, IngestChunk
from common.errors import BlobsUnavailable, GlimpseError, NotFound, StoreError
from common.redis.time import Clock, MachineClock
from common.rfc3339 import rfc3339
from worker.decoding.decode import Decoded, decode
from worker.encoders.base import Encoder
from worker.encoders.preparing import preparing
from worker.ingest.missing_blobs import MissingBlobs
from worker.originals import other_store, read_original
from worker.perceptual_hash import perceptual_hash
from worker.photo_info.reader import PhotoInfoReader
from worker.pixel_budget import PixelBudget, Room

# Takes a tenant, an image and its decoded picture; must not raise.
OnDecoded = Callable[[str, str, Decoded], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready for the model, with everything that is stored about it."""

    tenant: str
    record: ImageRecord
    job_id: str
    # The owner of the image's claim.
    owner: str
    # Output of the encoder's ``preprocess``: uint8 [height, width, 3].
    pixels: NDArray[np.uint8]
    # Given back once the picture is encoded.
    room: Room = field(default_factory=lambda: Room(PixelBudget()))


class PictureReader:
    """Turns a chunk's items into pictures; thread-safe.

    Args:
        blobs: The blob store.
        encoder: Provides ``preprocess``.
        pixels_max: Maximum pixels of a picture.
        is_here: Returns whether ``blobs`` is the store that the API writes to; the default
            makes missing bytes retryable without limit.
        on_found: Called when bytes were found, which shows that ``blobs`` is available.
        on_decoded: Called before ``preprocess``.
        missing_s: Seconds that bytes may be missing from an available store.
        missing: Remembers since when bytes have been missing.
        budget: Bounds the bytes of all pictures until they are encoded.
        photo_info: Reads what files say of their pictures.
        clock: Redis's clock, by which lists are in order whichever worker indexed an image.
    """

    def __init__(
        self,
        blobs: BlobStore,
        encoder: Encoder,
        pixels_max: int,
        *,
        is_here: Callable[[], bool] = lambda: False,
        on_found: Callable[[], None] = lambda: None,
        on_decoded: OnDecoded = lambda *_: None,
        missing_s: float = 0.0,
        missing: MissingBlobs | None = None,
        budget: PixelBudget | None = None,
        photo_info: PhotoInfoReader | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._blobs = blobs
        self._encoder = encoder
        self._pixels_max = pixels_max
        self._is_here = is_here
        self._on_found = on_found
        self._on_decoded = on_decoded
        self._missing_s = missing_s
        self._missing = missing or MissingBlobs()
        self._budget = budget or PixelBudget()
        self._photo_info = photo_info or PhotoInfoReader()
        self._clock = clock or MachineClock()

    def read(self, item: ChunkItem, chunk: IngestChunk, owner: str) -> Picture:
        """Return an item's picture.

        Args:
            item: The image.
            chunk: The item's chunk.
            owner: The owner of the image's claim.

        Raises:
            ImageError: The bytes are not a usable picture.
            EncoderError: Decoding or preprocessing failed unexpectedly.
            BlobsUnavailable: The bytes cannot be read now.
            StoreError: The bytes are lost.
        """
        with preparing(item.id), self._budget.room() as room:
            return self._read(item, chunk, owner, room)

    def _read(self, item: ChunkItem, chunk: IngestChunk, owner: str, room: Room) -> Picture:
        data = self._bytes(item, chunk.tenant)
        decoded = decode(data, self._pixels_max, self._encoder.draft_side, room.take)
        # At once, while the pixels are in the processor's cache.
        hashed = perceptual_hash(decoded.image)
        self._on_decoded(chunk.tenant, item.id, decoded)
        record = ImageRecord(
            id=item.id,
            filename=item.filename,
            bytes=len(data),
            width=decoded.width,
            height=decoded.height,
            format=decoded.format,
            tags=chunk.tags,
            metadata=chunk.metadata,
            photo=self._photo_info.read(data, decoded.format),
            perceptual_hash=hashed,
            indexed_at=rfc3339(self._clock.now()),
        )
        pixels = self._encoder.preprocess(decoded.image)
        room.shrink(pixels.nbytes)
        return Picture(chunk.tenant, record, chunk.job_id, owner, pixels, room)

    def _bytes(self, item: ChunkItem, tenant: str) -> bytes:
        try:
            data = read_original(self._blobs, tenant, item.id)
        except NotFound as error:
            raise self._absent(tenant, item.id) from error
        self._missing.forget(tenant, item.id)
        self._on_found()
        return data

    def _absent(self, tenant: str, image_id: str) -> GlimpseError:
        """Return the error for missing bytes, which the API stored before it sent the task.

        They count as lost only after they have been missing for a while from a blob store
        that is otherwise available.
        """
        if not self._is_here():
            self._missing.clear()
            return other_store(f"image {image_id}")
        seconds = self._missing.note(tenant, image_id)
        if seconds < self._missing_s:
            return BlobsUnavailable(
                f"The bytes of image {image_id} have been missing from the blob store for "
                f"{seconds:.0f} s."
            )
        self._missing.forget(tenant, image_id)
        return StoreError(
            f"The bytes of image {image_id} are no longer in the blob store; upload it again."
        )
