"""The tags of a TIFF's first picture, as far as Pillow leaves them to its caller.

Cameras' raw files are TIFFs with their own tags, and Pillow opens some pictures of scientific
programs wrongly without an error.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from typing import Any

# Tags.
_SUBFILE, _BITS, _PHOTOMETRIC, _OFFSETS, _COUNTS, _PLANAR = 254, 258, 262, 273, 279, 284
_TILE_OFFSETS, _TILE_COUNTS = 324, 325
_MAKE, _SUBIFDS, _DNG_VERSION = 271, 330, 50706

# Structures of a classic TIFF and of a BigTIFF: the first directory's offset and where it is, the
# number of entries, and an entry up to its value.
_CLASSIC, _BIG = ("I", 4, "H", "HHI"), ("Q", 8, "Q", "HHQ")
# The format of a value by its type: bytes, text (7 is undefined, 129 is UTF-8), integers of 16, 32
# and 64 bits, and fractions, which are two integers.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "s", 9: "i", 10: "ii"}
_TYPES |= {13: "I", 16: "Q", 18: "Q", 129: "s"}
# Maximum number of entries and values read, whatever the file claims.
_ENTRIES_MAX, _VALUES_MAX = 1024, 1 << 20

# A reduced copy of another picture of the file; raw files begin with one.
_REDUCED = 1
# Each colour has a plane.
_PLANES = 2
# Raw formats by the maker, as its camera writes its name.
_MAKERS = {b"NIKON": "NEF", b"SONY": "ARW"}


def is_tiff(head: bytes) -> bool:
    """Return whether a file begins like a TIFF or a BigTIFF."""
    return head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def raw_format(data: bytes) -> str | None:
    """Return the format of a camera's raw file, or None for another TIFF."""
    if data[8:10] == b"CR" and data[:2] == b"II":
        return "CR2"
    tags = read_tags(data, (_SUBFILE, _MAKE, _SUBIFDS, _DNG_VERSION))
    if _DNG_VERSION in tags:
        return "DNG"
    if _SUBIFDS not in tags or tags.get(_SUBFILE) != (_REDUCED,):
        return None
    make = next((value for value in tags.get(_MAKE, ()) if isinstance(value, bytes)), b"")
    return next((name for maker, name in _MAKERS.items() if make.upper().startswith(maker)), None)


def is_whole(data: bytes) -> bool:
    """Return whether all pixels that the tags name are within the file."""
    tags = read_tags(data, (_OFFSETS, _COUNTS, _TILE_OFFSETS, _TILE_COUNTS))
    offsets = tags.get(_OFFSETS) or tags.get(_TILE_OFFSETS)
    counts = tags.get(_COUNTS) or tags.get(_TILE_COUNTS)
    if not offsets or not counts or len(offsets) != len(counts):
        return False
    return all(at + count <= len(data) for at, count in zip(offsets, counts, strict=True))


def is_white_zero(data: bytes) -> bool:
    """Return whether the values of a grey picture fall with its brightness."""
    return read_tags(data, (_PHOTOMETRIC,)).get(_PHOTOMETRIC) == (0,)


def has_deep_planes(data: bytes) -> bool:
    """Return whether each colour has a plane of its own, of more than 8 bits per pixel."""
    tags = read_tags(data, (_BITS, _PLANAR))
    bits = tags.get(_BITS, (1,))
    return tags.get(_PLANAR) == (_PLANES,) and len(bits) > 1 and max(bits) > 8


def read_tags(
    data: bytes,
    wanted: Collection[int],
    start: int | None = None,
    values_max: int = _VALUES_MAX,
) -> Mapping[int, tuple[Any, ...]]:
    """Return the values of a directory's tags, as far as ``data`` contains them.

    Values are integers; a text is one value of bytes, a fraction two integers. Other types are left
    out.

    Args:
        data: The beginning of a file.
        wanted: The tags to return.
        start: The offset of the directory; None means the first one.
        values_max: Maximum number of values of a tag; the others are left out.
    """
    order = "<" if data[:2] == b"II" else ">"
    offset, at, count, entry = _BIG if data[2:4] in (b"+\x00", b"\x00+") else _CLASSIC
    found: dict[int, tuple[Any, ...]] = {}
    try:
        if start is None:
            (start,) = struct.unpack_from(order + offset, data, at)
        (entries,) = struct.unpack_from(order + count, data, start)
        start += struct.calcsize(count)
        head = struct.Struct(order + entry)
        step = head.size + struct.calcsize(offset)
        for number in range(min(entries, _ENTRIES_MAX)):
            tag, kind, length = head.unpack_from(data, start + number * step)
            if tag in wanted and tag not in found:
                place = start + number * step + head.size
                length = min(length, values_max)
                values = _values(data, order, offset, place, kind, length)
                if values is not None:
                    found[tag] = values
    except (struct.error, OverflowError):
        # The data ends here.
        pass
    return found


def _values(
    data: bytes, order: str, offset: str, place: int, kind: int, length: int
) -> tuple[Any, ...] | None:
    """Return an entry's values, which stand in the entry itself if they fit there."""
    if kind not in _TYPES or not length:
        return None
    letters = _TYPES[kind]
    form = f"{order}{length * len(letters)}{letters[0]}"
    try:
        if struct.calcsize(form) > struct.calcsize(offset):
            (place,) = struct.unpack_from(order + offset, data, place)
        return struct.unpack_from(form, data, place)
    except (struct.error, OverflowError):
        # The values are beyond the end of the data.
        return None
