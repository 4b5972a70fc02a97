"""Pictures for the model, with their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.contract import ChunkItem, ImageRecord, IngestChunk
from common.errors import (
    BlobsUnavailable,
    DecoderDied,
    EncoderError,
    GlimpseError,
    ImageError,
    NotFound,
    StoreError,
)
from common.redis.time import Clock, MachineClock
from common.rfc3339 import rfc3339
from worker.decoders.base import Decoder, Description
from worker.ingest.missing_blobs import MissingBlobs
from worker.originals import other_store
from worker.pixel_budget import PixelBudget, Room


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
        decoder: Prepares the items' images.
        is_here: Returns whether the decoder reads the blob store that the API writes to; the
            default makes missing bytes retryable without limit.
        on_found: Called when bytes were found, which shows that the blob store is available.
        missing_s: Seconds that bytes may be missing from an available store.
        missing: Remembers since when bytes have been missing.
        budget: Bounds the bytes of all pictures until they are encoded.
        clock: Redis's clock, by which lists are in order whichever worker indexed an image.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        is_here: Callable[[], bool] = lambda: False,
        on_found: Callable[[], None] = lambda: None,
        missing_s: float = 0.0,
        missing: MissingBlobs | None = None,
        budget: PixelBudget | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._decoder = decoder
        self._is_here = is_here
        self._on_found = on_found
        self._missing_s = missing_s
        self._missing = missing or MissingBlobs()
        self._budget = budget or PixelBudget()
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
            DecoderDied: The process that decoded it died.
            DecodersUnavailable: A process that decodes cannot be started.
            BlobsUnavailable: The bytes cannot be read now.
            StoreError: The bytes are lost.
        """
        with self._budget.room() as room:
            pixels, described = self._prepare(chunk.tenant, item.id, room)
            record = ImageRecord(
                id=item.id,
                filename=item.filename,
                bytes=described.bytes,
                width=described.width,
                height=described.height,
                format=described.format,
                tags=chunk.tags,
                metadata=chunk.metadata,
                photo=described.photo,
                perceptual_hash=described.perceptual_hash,
                indexed_at=rfc3339(self._clock.now()),
            )
            return Picture(chunk.tenant, record, chunk.job_id, owner, pixels, room)

    def _prepare(
        self, tenant: str, image_id: str, room: Room
    ) -> tuple[NDArray[np.uint8], Description]:
        try:
            prepared = self._decoder.prepare_new(tenant, image_id, room)
        except NotFound as error:
            raise self._absent(tenant, image_id) from error
        except (ImageError, EncoderError, DecoderDied):
            self._found(tenant, image_id)
            raise
        self._found(tenant, image_id)
        return prepared

    def _found(self, tenant: str, image_id: str) -> None:
        self._missing.forget(tenant, image_id)
        self._on_found()

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
