"""Thumbnails as they are stored: their sizes, files and format. Workers make them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

# Longest sides, in pixels; a smaller picture keeps its size.
SIZES = (150, 300, 1024)

# These share a file, since to write a file takes longer than to encode a small thumbnail.
_SMALL = (150, 300)
_SMALL_FILE = "150-300"
# Begins that file: the number of bytes of each thumbnail, 0 if it is missing.
_HEAD = struct.Struct(f">{len(_SMALL)}I")

# The first and the last bytes of a JPEG.
_START, _END = b"\xff\xd8", b"\xff\xd9"


def size_to_store(size: int) -> int:
    """Return the smallest stored size from which a thumbnail of ``size`` pixels can be made."""
    return next(stored for stored in SIZES if stored >= size)


def size_to_render(size: int) -> int:
    """Return the size up to which thumbnails are made if one of a stored size is missing."""
    return max(size, _SMALL[-1])


def file_of(size: int) -> str:
    """Return the name of the file that has the thumbnail of a stored size."""
    return _SMALL_FILE if size in _SMALL else f"{size}.jpg"


def pack(thumbnails: Mapping[int, bytes]) -> dict[str, bytes]:
    """Return the files of an image's thumbnails, by name; the thumbnails are given by size."""
    files = {file_of(size): data for size, data in thumbnails.items() if size not in _SMALL}
    small = [thumbnails.get(size, b"") for size in _SMALL]
    if any(small):
        files[_SMALL_FILE] = _HEAD.pack(*map(len, small)) + b"".join(small)
    return files


def unpack(file: bytes | None, size: int) -> bytes | None:
    """Return the thumbnail of a stored size from its file; None if either is absent or damaged.

    A full disk or a power cut may truncate a file.
    """
    if file is None:
        return None
    data = _small(file, size) if size in _SMALL else file
    return data if data.startswith(_START) and data.endswith(_END) else None


def _small(file: bytes, size: int) -> bytes:
    if len(file) < _HEAD.size:
        return b""
    lengths, at = _HEAD.unpack_from(file), _HEAD.size
    position = _SMALL.index(size)
    at += sum(lengths[:position])
    return file[at : at + lengths[position]]
