"""A decoder that works in the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.settings import Settings
from worker.decoders.base import Description
from worker.decoding.decode import Decoded, decode
from worker.decoding_time import DecodingTime
from worker.encoders.base import Preprocessor
from worker.encoders.preparing import preparing
from worker.originals import read_original
from worker.perceptual_hash import perceptual_hash
from worker.photo_info.reader import PhotoInfoReader
from worker.pixel_budget import Room
from worker.thumbnails.ingested import IngestedThumbnails

# Takes a tenant, a new image and its decoded picture; must not raise.
OnDecoded = Callable[[str, str, Decoded], None]


def _no_thumbnails(tenant: str, image_id: str, decoded: Decoded) -> None:
    """Store none."""


class InlineDecoder:
    """See ``worker.decoders.base.Decoder``.

    Args:
        blobs: The blob store.
        preprocessor: The model's; an ``Encoder`` is one.
        pixels_max: Maximum pixels of a picture.
        on_decoded: Called before ``preprocess``.
        photo_info: Reads what files say of their pictures.
        decoding_time: Measures how long each image takes.
    """

    def __init__(
        self,
        blobs: BlobStore,
        preprocessor: Preprocessor,
        pixels_max: int,
        *,
        on_decoded: OnDecoded = _no_thumbnails,
        photo_info: PhotoInfoReader | None = None,
        decoding_time: DecodingTime | None = None,
    ) -> None:
        self._blobs = blobs
        self._preprocessor = preprocessor
        self._pixels_max = pixels_max
        self._on_decoded = on_decoded
        self._photo_info = photo_info or PhotoInfoReader()
        self._decoding_time = decoding_time or DecodingTime()

    @classmethod
    def of(
        cls,
        settings: Settings,
        blobs: BlobStore,
        preprocessor: Preprocessor,
        decoding_time: DecodingTime | None = None,
    ) -> Self:
        """Return a worker's decoder, which stores the thumbnails of new images."""
        keeps = settings.thumbnails != "request"
        return cls(
            blobs,
            preprocessor,
            settings.image_pixels_max,
            on_decoded=IngestedThumbnails(blobs).keep if keeps else _no_thumbnails,
            photo_info=PhotoInfoReader(settings.photo_info),
            decoding_time=decoding_time,
        )

    def prepare(self, tenant: str, image_id: str, room: Room) -> NDArray[np.uint8]:
        """Read, decode and preprocess an image: uint8 [height, width, 3]."""
        with preparing(image_id), self._decoding_time.measured(image_id):
            decoded = self._decode(self._blobs.read(tenant, image_id), room)
            return self._preprocess(decoded, room)

    def prepare_new(
        self, tenant: str, image_id: str, room: Room
    ) -> tuple[NDArray[np.uint8], Description]:
        """Do the same, describe the image, and hand over its decoded picture."""
        with preparing(image_id), self._decoding_time.measured(image_id):
            data = read_original(self._blobs, tenant, image_id)
            decoded = self._decode(data, room)
            # At once, while the pixels are in the processor's cache.
            hashed = perceptual_hash(decoded.image)
            self._on_decoded(tenant, image_id, decoded)
            description = Description(
                bytes=len(data),
                width=decoded.width,
                height=decoded.height,
                format=decoded.format,
                photo=self._photo_info.read(data, decoded.format),
                perceptual_hash=hashed,
            )
            return self._preprocess(decoded, room), description

    def close(self) -> None:
        """Do nothing: there is nothing to stop."""

    def _decode(self, data: bytes, room: Room) -> Decoded:
        return decode(data, self._pixels_max, self._preprocessor.draft_side, room.take)

    def _preprocess(self, decoded: Decoded, room: Room) -> NDArray[np.uint8]:
        pixels = self._preprocessor.preprocess(decoded.image)
        room.shrink(pixels.nbytes)
        return pixels
