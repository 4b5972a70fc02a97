"""Small pictures drawn in code, for tests that need bytes and no meaning."""

from __future__ import annotations

import hashlib
import io

from PIL import Image


def picture(
    colour: str = "red", size: tuple[int, int] = (40, 30), media_format: str = "PNG"
) -> bytes:
    """Return a picture of one colour as a file of a format that Pillow writes."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, media_format)
    return buffer.getvalue()


def image_id(data: bytes) -> str:
    """Return the id that Glimpse gives to a file's bytes."""
    return hashlib.sha256(data).hexdigest()
