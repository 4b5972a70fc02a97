"""Thumbnails: made from the original when first asked for, then kept beside it."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from common.blobs.base import BlobStore
from common.decode import decode
from common.errors import BlobsUnavailable

# Longest sides, in pixels, that are kept; other sizes are made from the next larger.
_KEPT_SIZES = (256, 1024)
# JPEG quality of what is kept and what is sent.
_QUALITY = 85


def thumbnail(
    blobs: BlobStore, tenant: str, image_id: str, size: int, pixels_max: int
) -> Image.Image:
    """Return a picture made small.

    Args:
        blobs: Where the original is.
        tenant: Whose image it is.
        image_id: Which image.
        size: Longest side, in pixels, up to 1024; smaller originals stay as they are.
        pixels_max: Pixels of the original, at most.

    Raises:
        NotFound: There is no such original.
        BlobsUnavailable: It cannot be read.
        ImageError: The original cannot be decoded.
    """
    kept = next(kept for kept in _KEPT_SIZES if kept >= size)
    name = f"{kept}.jpg"
    image = _opened(blobs.rendition(tenant, image_id, name))
    if image is None:
        data = _render(blobs.read(tenant, image_id), kept, pixels_max)
        # It can be seen where it cannot be kept.
        with suppress(BlobsUnavailable):
            blobs.put_rendition(tenant, image_id, name, data)
        image = Image.open(io.BytesIO(data))
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def _opened(kept: bytes | None) -> Image.Image | None:
    """Open what was kept; a file that a full disk or a power cut has damaged is made anew."""
    if kept is None:
        return None
    try:
        image = Image.open(io.BytesIO(kept))
        image.load()
    except (OSError, SyntaxError):
        return None
    return image


def to_jpeg(image: Image.Image) -> bytes:
    """Return an RGB picture as JPEG, without what else its file has said."""
    buffer = io.BytesIO()
    # Pillow would hand a JPEG's comment on.
    image.save(buffer, "JPEG", quality=_QUALITY, comment=b"")
    return buffer.getvalue()


def _render(original: bytes, size: int, pixels_max: int) -> bytes:
    image = decode(original, pixels_max).image
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return to_jpeg(image)
