"""TIFFs built tag by tag: kinds that Pillow does not write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
MAKE, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR = 271, 273, 277, 278, 279, 284
SUBIFDS, EXTRA_SAMPLES, CFA_SIZE, CFA, DNG_VERSION, CAMERA = 330, 338, 33421, 33422, 50706, 50708

# Values of COMPRESSION, PHOTOMETRIC, PLANAR and SUBFILE.
NONE, JPEG = 1, 7
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR, MOSAIC = 0, 1, 2, 5, 6, 32803
CHUNKY, PLANES = 1, 2
WHOLE, REDUCED = 0, 1

# The type of a value: bytes, text, and integers of 16 and 32 bits.
_BYTES, _TEXT, _SHORT, _LONG = 1, 2, 3, 4
_FORMS = {_BYTES: "B", _TEXT: "s", _SHORT: "H", _LONG: "I"}
_LONG_TAGS = frozenset({OFFSETS, COUNTS, SUBIFDS})
_BYTE_TAGS = frozenset({CFA, DNG_VERSION})

Value = int | bytes | Sequence[int]


def tiff(tags: Mapping[int, Value], *strips: bytes, big: bool = False) -> bytes:
    """Return a little-endian TIFF or BigTIFF of one picture, its pixels in these strips."""
    file = bytearray(b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4))
    at = _append(file, tags, strips, big=big)
    struct.pack_into("<Q" if big else "<I", file, 8 if big else 4, at)
    return bytes(file)


def dng(preview: bytes, size: tuple[int, int], mosaic: NDArray[np.uint16]) -> bytes:
    """Return a raw file: a JPEG of a size as its preview, and a sensor's values."""
    file = bytearray(b"II*\0" + bytes(4))
    height, width = mosaic.shape
    raw: dict[int, Value] = {
        SUBFILE: WHOLE,
        WIDTH: width,
        HEIGHT: height,
        BITS: 16,
        COMPRESSION: NONE,
        PHOTOMETRIC: MOSAIC,
        SAMPLES: 1,
        ROWS: height,
        PLANAR: CHUNKY,
        CFA_SIZE: (2, 2),
        CFA: (0, 1, 1, 2),
    }
    raw_at = _append(file, raw, [mosaic.tobytes()])
    first: dict[int, Value] = {
        SUBFILE: REDUCED,
        WIDTH: size[0],
        HEIGHT: size[1],
        BITS: (8, 8, 8),
        COMPRESSION: JPEG,
        PHOTOMETRIC: YCBCR,
        MAKE: b"Glimpse\0",
        SAMPLES: 3,
        ROWS: size[1],
        PLANAR: CHUNKY,
        SUBIFDS: raw_at,
        DNG_VERSION: (1, 4, 0, 0),
        CAMERA: b"Glimpse 1\0",
    }
    struct.pack_into("<I", file, 4, _append(file, first, [preview]))
    return bytes(file)


def _append(
    file: bytearray, tags: Mapping[int, Value], strips: Sequence[bytes], *, big: bool = False
) -> int:
    """Append strips and a directory; return where the directory begins."""
    offsets = []
    for strip in strips:
        offsets.append(len(file))
        file += strip
    placed = {**tags, OFFSETS: offsets, COUNTS: [len(strip) for strip in strips]}
    room, entries = 8 if big else 4, []
    for tag, value in sorted(placed.items()):
        kind, count, data = _packed(tag, value)
        if len(data) > room:
            place, data = len(file), data + bytes(len(data) % 2)
            file += data
            data = struct.pack("<Q" if big else "<I", place)
        head = struct.pack("<HHQ" if big else "<HHI", tag, kind, count)
        entries.append(head + data.ljust(room, b"\0"))
    at = len(file)
    file += struct.pack("<Q" if big else "<H", len(entries)) + b"".join(entries) + bytes(room)
    return at


def _packed(tag: int, value: Value) -> tuple[int, int, bytes]:
    if isinstance(value, bytes):
        return _TEXT, len(value), value
    values = [value] if isinstance(value, int) else list(value)
    kind = _BYTES if tag in _BYTE_TAGS else _LONG if tag in _LONG_TAGS else _SHORT
    return kind, len(values), struct.pack(f"<{len(values)}{_FORMS[kind]}", *values)
