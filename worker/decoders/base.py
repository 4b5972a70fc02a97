"""The interface of decoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.images.photo_info import PhotoInfo
from worker.pixel_budget import Room


@dataclass(frozen=True, slots=True)
class Description:
    """What an image's record says of its file."""

    bytes: int
    # Size of the upright picture, in pixels.
    width: int
    height: int
    # One of ``common.images.formats.MEDIA_TYPES``.
    format: str
    photo: PhotoInfo | None
    perceptual_hash: str


class Decoder(Protocol):
    """Reads, decodes and preprocesses images. Many threads call it concurrently.

    Both methods take the bytes of the decoded picture from the caller's room, give back all but
    those of the preprocessed one, and raise the same errors:

        NotFound: The bytes are not in the blob store.
        BlobsUnavailable: The bytes cannot be read now.
        ImageError: The bytes are not a usable picture.
        DecodingTooLong: A process took too long for it.
        EncoderError: Decoding or preprocessing failed unexpectedly.
        DecodersUnavailable: A process cannot be started.
        DecoderDied: The process died while it decoded the image.
    """

    def prepare(self, tenant: str, image_id: str, room: Room) -> NDArray[np.uint8]:
        """Return an image's output of ``preprocess``: uint8 [height, width, 3]."""
        ...

    def prepare_new(
        self, tenant: str, image_id: str, room: Room
    ) -> tuple[NDArray[np.uint8], Description]:
        """Return the same and a description, and store thumbnails.

        Bytes that a deletion has withdrawn are restored.
        """
        ...

    def close(self) -> None:
        """Stop; nothing is being prepared any more."""
        ...
