"""Thumbnails: made from the original when first asked for, then kept beside it."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from api.services import Services
from common.dead_letters.base import QUARANTINED, find_letter
from common.errors import BlobsUnavailable, NotFound
from common.images.decode import count_pixels, decode

# Longest sides, in pixels, that are kept; other sizes are made from the next larger.
_KEPT_SIZES = (256, 1024)
# How many times larger than its thumbnail a JPEG is unfolded at least: as large as Pillow makes
# other pictures before it resamples them with care.
_DRAFT_GAP = 2
# JPEG quality of what is kept and what is sent.
_QUALITY = 85


def thumbnail(services: Services, tenant: str, image_id: str, size: int) -> Image.Image:
    """Return a picture made small.

    Args:
        services: Where the original is, who has it in hand, and what there is room for.
        tenant: Whose image it is.
        image_id: Which image.
        size: Longest side, in pixels, up to 1024; smaller originals stay as they are.

    Raises:
        NotFound: There is no such original, or it may kill whoever decodes it.
        BlobsUnavailable: It cannot be read.
        BrokerUnavailable: Nobody can tell whether it may.
        ImageError: The original cannot be decoded.
        Overloaded: As many pixels are being decoded as there is room for.
    """
    kept = next(kept for kept in _KEPT_SIZES if kept >= size)
    name = f"{kept}.jpg"
    blobs = services.blobs
    image = _opened(blobs.rendition(tenant, image_id, name))
    if image is None:
        _refuse_deadly(services, tenant, image_id)
        data = _render(services, tenant, image_id, kept)
        # It can be seen where it cannot be kept.
        with suppress(BlobsUnavailable):
            blobs.put_rendition(tenant, image_id, name, data)
        image = Image.open(io.BytesIO(data))
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def _refuse_deadly(services: Services, tenant: str, image_id: str) -> None:
    """Refuse an image that has killed workers: it would kill this process as well."""
    letter = find_letter(services.dead_letters, tenant, image_id)
    if letter is not None and letter.code == QUARANTINED:
        raise NotFound(
            f"Image {image_id} is quarantined because workers died on it; it has no thumbnail."
        )
    if services.claims.deaths(tenant, image_id):
        raise NotFound(f"A worker died on image {image_id}; it has a thumbnail once it is indexed.")


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


def _render(services: Services, tenant: str, image_id: str, size: int) -> bytes:
    blobs, pixels_max = services.blobs, services.settings.image_pixels_max
    pixels = count_pixels(blobs.read(tenant, image_id), pixels_max)
    with services.pixels.hold(pixels):
        # Read again: a request that waits for room holds no bytes in memory.
        image = decode(blobs.read(tenant, image_id), pixels_max, size * _DRAFT_GAP).image
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return to_jpeg(image)
