"""Thumbnails: rendered from the original on the first request, then stored beside it."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from api.pictures.pixel_room import PixelRoom
from common.blobs.base import BlobStore
from common.claims.base import Claims
from common.dead_letters.base import QUARANTINED, DeadLetters, find_letter
from common.errors import BlobsUnavailable, NotFound
from common.images.decode import count_pixels, decode

# Longest sides, in pixels, that are stored; other sizes are made from the next larger one.
_KEPT_SIZES = (256, 1024)
# How many times larger than its thumbnail a JPEG is decoded, at least: Pillow reduces other
# pictures to the same size before it resamples them carefully.
_DRAFT_GAP = 2
# JPEG quality of what is stored and sent.
_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Renders the pictures of images small.

    Args:
        blobs: Where originals and thumbnails are.
        claims: Which images workers died on.
        dead_letters: Which images are quarantined.
        room: The budget of decoded pixels.
        pixels_max: Pixels of an original, at most.
    """

    blobs: BlobStore
    claims: Claims
    dead_letters: DeadLetters
    room: PixelRoom
    pixels_max: int

    def get(self, tenant: str, image_id: str, size: int) -> Image.Image:
        """Return an image's thumbnail.

        Args:
            tenant: Whose image it is.
            image_id: Which image.
            size: Longest side, in pixels, up to 1024; smaller originals keep their size.

        Raises:
            NotFound: There is no such original, or decoding it may kill this process.
            BlobsUnavailable: The original cannot be read.
            BrokerUnavailable: Redis cannot tell whether the original is safe to decode.
            ImageError: The original cannot be decoded.
            Overloaded: The budget of decoded pixels is used up.
        """
        kept = next(kept for kept in _KEPT_SIZES if kept >= size)
        name = f"{kept}.jpg"
        image = _opened(self.blobs.rendition(tenant, image_id, name))
        if image is None:
            self._refuse_deadly(tenant, image_id)
            data = self._render(tenant, image_id, kept)
            # A thumbnail that cannot be stored can still be sent.
            with suppress(BlobsUnavailable):
                self.blobs.put_rendition(tenant, image_id, name, data)
            image = Image.open(io.BytesIO(data))
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        return image

    def _refuse_deadly(self, tenant: str, image_id: str) -> None:
        """Refuse an image that workers died on: it would kill this process as well."""
        letter = find_letter(self.dead_letters, tenant, image_id)
        if letter is not None and letter.code == QUARANTINED:
            raise NotFound(
                f"Image {image_id} is quarantined because workers died on it; it has no thumbnail."
            )
        if self.claims.deaths(tenant, image_id):
            raise NotFound(
                f"A worker died on image {image_id}; it has a thumbnail once it is indexed."
            )

    def _render(self, tenant: str, image_id: str, size: int) -> bytes:
        pixels = count_pixels(self.blobs.read(tenant, image_id), self.pixels_max)
        with self.room.hold(pixels):
            # Read again: a request that waits for room holds no bytes in memory.
            data = self.blobs.read(tenant, image_id)
            image = decode(data, self.pixels_max, size * _DRAFT_GAP).image
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
        return to_jpeg(image)


def to_jpeg(image: Image.Image) -> bytes:
    """Return an RGB picture as JPEG, without its file's metadata."""
    buffer = io.BytesIO()
    # By default Pillow copies a JPEG's comment.
    image.save(buffer, "JPEG", quality=_QUALITY, comment=b"")
    return buffer.getvalue()


def _opened(kept: bytes | None) -> Image.Image | None:
    """Open a stored thumbnail, or return None if a full disk or a power cut damaged it."""
    if kept is None:
        return None
    try:
        image = Image.open(io.BytesIO(kept))
        image.load()
    except (OSError, SyntaxError):
        return None
    return image
