"""The largest size in the header of an AVIF, whose decoder calls a huge one damage."""

from __future__ import annotations

import struct

# Length of a box's data and itself, and its kind.
_BOX = struct.Struct(">I4s")
# The box of all that is no pixels. In it, each picture has a size: a box's kind, a version, width
# and height.
_HEADER, _SIZE = b"meta", struct.Struct(">4s4xII")
_KIND = b"ispe"
# Maximum numbers of boxes and sizes that are read.
_BOXES_MAX, _SIZES_MAX = 1000, 100_000


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and height of a file's largest picture; zeros if the header has none."""
    header = _header(data)
    largest, at = (0, 0), header.find(_KIND)
    for _ in range(_SIZES_MAX):
        if at < 0 or at + _SIZE.size > len(header):
            break
        _, width, height = _SIZE.unpack_from(header, at)
        largest = max(largest, (width, height), key=lambda size: size[0] * size[1])
        at = header.find(_KIND, at + 1)
    return largest


def _header(data: bytes) -> bytes:
    at = 0
    for _ in range(_BOXES_MAX):
        if at + _BOX.size > len(data):
            break
        size, kind = _BOX.unpack_from(data, at)
        if size == 1:
            size = int.from_bytes(data[at + _BOX.size : at + 16], "big")
        if kind == _HEADER:
            return data[at : at + size] if size else data[at:]
        if size < _BOX.size:
            break
        at += size
    return b""
