"""Whether a file's structure is complete: nothing that it announces is missing.

It tells a decoder's failure from damage. Pixels may still be damaged; only PNG has checksums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

from common.images import tiff_header
from worker.decoding import png_chunks

# Marks of a JPEG: the start of a scan's data, and the end of the picture.
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
# Ends a GIF.
_TRAILER = b";"
# Length of a box's data and itself, and its kind; a length of 1 means that 64 bits follow.
_BOX = struct.Struct(">I4s")


def is_whole(data: bytes, name: str) -> bool:
    """Return whether a file of a format is complete; False if its structure does not tell."""
    return name in _CHECKS and _CHECKS[name](data)


def _whole_boxes(data: bytes) -> bool:
    """Return whether all boxes of an ISO base media file, or of JPEG XL or JP2, end within it."""
    at = 0
    while at + _BOX.size <= len(data):
        size, _ = _BOX.unpack_from(data, at)
        if size == 1:
            size = int.from_bytes(data[at + _BOX.size : at + 16], "big")
        if size == 0:
            return True
        if size < _BOX.size:
            return False
        at += size
    return at == len(data)


def _whole_png(data: bytes) -> bool:
    for kind, start, end in png_chunks.chunks(data):
        intact = zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big")
        if not intact and not png_chunks.is_ancillary(kind):
            return False
        if kind == b"IEND":
            return True
    return False


def _whole_webp(data: bytes) -> bool:
    return int.from_bytes(data[4:8], "little") + 8 <= len(data)


def _whole_jpeg(data: bytes) -> bool:
    return data.rfind(_END) > data.rfind(_SCAN) > 0


def _whole_gif(data: bytes) -> bool:
    return data.rstrip(b"\0").endswith(_TRAILER)


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "AVIF": _whole_boxes,
    "CR3": _whole_boxes,
    "GIF": _whole_gif,
    "HEIF": _whole_boxes,
    "JPEG": _whole_jpeg,
    "JPEG2000": _whole_boxes,
    "JXL": _whole_boxes,
    "PNG": _whole_png,
    "TIFF": tiff_header.is_whole,
    "WEBP": _whole_webp,
}
