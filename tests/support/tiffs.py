"""TIFFs built tag by tag: kinds that Pillow does not write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION = 254, 255, 256, 257, 258, 259
PHOTOMETRIC, MAKE, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR = 262, 271, 273, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, SAMPLE_FORMAT = 322, 323, 339
SUBIFDS, EXTRA_SAMPLES, CFA_SIZE, CFA, DNG_VERSION, CAMERA = 330, 338, 33421, 33422, 50706, 50708

# Values of COMPRESSION, PHOTOMETRIC, PLANAR, SUBFILE and SAMPLE_FORMAT.
NONE, JPEG, DEFLATE, WEBP = 1, 7, 8, 50001
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR, MOSAIC = 0, 1, 2, 5, 6, 32803
CHUNKY, PLANES = 1, 2
WHOLE, REDUCED = 0, 1
UNSIGNED, SIGNED, FLOAT = 1, 2, 3

# The type of a value: bytes, text, and integers of 16 and 32 bits.
_BYTES, _TEXT, _SHORT, _LONG = 1, 2, 3, 4
_FORMS = {_BYTES: "B", _TEXT: "s", _SHORT: "H", _LONG: "I"}
_LONG_TAGS = frozenset({OFFSETS, COUNTS, SUBIFDS})
_BYTE_TAGS = frozenset({CFA, DNG_VERSION})

Value = int | bytes | Sequence[int]


def tiff(tags: Mapping[int, Value], *strips: bytes, big: bool = False, order: str = "<") -> bytes:
    """Return a TIFF or BigTIFF of one picture, its pixels in these strips.

    Args:
        tags: Values by tag.
        strips: The pixels, in the same order of bytes.
        big: Whether it is a BigTIFF, which is little-endian here.
        order: The order of bytes, as ``struct`` writes it.
    """
    if big:
        file = bytearray(b"II+\0\x08\0\0\0" + bytes(8))
    else:
        file = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    at = _append(file, tags, strips, big=big, order=order)
    struct.pack_into("<Q" if big else order + "I", file, 8 if big else 4, at)
    return bytes(file)


def pages(*each: tuple[Mapping[int, Value], bytes]) -> bytes:
    """Return a TIFF of several pictures, each of its tags and its pixels in one strip."""
    file = bytearray(b"II*\0" + bytes(4))
    pointer = 4
    for tags, strip in each:
        struct.pack_into("<I", file, pointer, _append(file, tags, [strip]))
        # The last field of a directory is the offset of the next one.
        pointer = len(file) - 4
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
    file: bytearray,
    tags: Mapping[int, Value],
    strips: Sequence[bytes],
    *,
    big: bool = False,
    order: str = "<",
) -> int:
    """Append strips and a directory; return where the directory begins."""
    offsets = []
    for strip in strips:
        offsets.append(len(file))
        file += strip
    placed = {**tags, OFFSETS: offsets, COUNTS: [len(strip) for strip in strips]}
    room, entries = 8 if big else 4, []
    for tag, value in sorted(placed.items()):
        kind, count, data = _packed(tag, value, order)
        if len(data) > room:
            place, data = len(file), data + bytes(len(data) % 2)
            file += data
            data = struct.pack("<Q" if big else order + "I", place)
        head = struct.pack("<HHQ" if big else order + "HHI", tag, kind, count)
        entries.append(head + data.ljust(room, b"\0"))
    at = len(file)
    file += (
        struct.pack("<Q" if big else order + "H", len(entries)) + b"".join(entries) + bytes(room)
    )
    return at


def _packed(tag: int, value: Value, order: str) -> tuple[int, int, bytes]:
    if isinstance(value, bytes):
        return _TEXT, len(value), value
    values = [value] if isinstance(value, int) else list(value)
    kind = _BYTES if tag in _BYTE_TAGS else _LONG if tag in _LONG_TAGS else _SHORT
    return kind, len(values), struct.pack(f"{order}{len(values)}{_FORMS[kind]}", *values)
