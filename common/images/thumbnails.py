"""Thumbnails as they are stored: their sizes, names and format. Workers make them."""

from __future__ import annotations

# Longest sides, in pixels; a smaller picture keeps its size.
SIZES = (150, 300, 1024)

# The first and the last bytes of a JPEG.
_START, _END = b"\xff\xd8", b"\xff\xd9"


def size_to_store(size: int) -> int:
    """Return the smallest stored size from which a thumbnail of ``size`` pixels can be made."""
    return next(stored for stored in SIZES if stored >= size)


def rendition_name(size: int) -> str:
    """Return the name under which a thumbnail is stored beside its original."""
    return f"{size}.jpg"


def is_complete(data: bytes) -> bool:
    """Return whether a stored thumbnail is whole: a full disk or a power cut may truncate it."""
    return data.startswith(_START) and data.endswith(_END)
