"""The tags of a TIFF's first picture, as far as Pillow leaves them to its caller.

Cameras' raw files are TIFFs with their own tags, and Pillow opens some pictures of scientific
programs wrongly without an error.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# Tags.
_SUBFILE, _OLD_SUBFILE, _BITS, _PHOTOMETRIC, _OFFSETS, _COUNTS = 254, 255, 258, 262, 273, 279
_PLANAR, _TILE_OFFSETS, _TILE_COUNTS, _SAMPLE_FORMAT = 284, 324, 325, 339
_MAKE, _SUBIFDS, _DNG_VERSION = 271, 330, 50706

# Structures of a classic TIFF and of a BigTIFF: the first directory's offset and where it is, the
# number of entries, and an entry up to its value.
_CLASSIC, _BIG = ("I", 4, "H", "HHI"), ("Q", 8, "Q", "HHQ")
# The format of a value by its type: bytes, text (7 is undefined, 129 is UTF-8), integers of 16, 32
# and 64 bits, and fractions, which are two integers.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "s", 9: "i", 10: "ii"}
_TYPES |= {13: "I", 16: "Q", 18: "Q", 129: "s"}
# Bytes of a value of the other types.
_SIZES = {6: 1, 8: 2, 11: 4, 12: 8, 17: 8}
# Maximum number of directories, entries and values read, whatever the file claims.
_DIRECTORIES_MAX, _ENTRIES_MAX, _VALUES_MAX = 64, 1024, 1 << 20

# A reduced copy of another picture of the file; raw files begin with one.
_REDUCED = 1
# Bits of a directory's kind: a reduced copy, or the mask of another picture.
_LESSER = _REDUCED | 4
# The older tag's value for a reduced copy.
_OLD_REDUCED = 2
# Photometric interpretations of a sensor's values.
_SENSORS = (32803, 34892)
# Each colour has a plane.
_PLANES = 2
# Sample formats.
_UNSIGNED, _SIGNED = 1, 2
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


def with_whole_first(data: bytes) -> bytes:
    """Return a TIFF that begins with its first picture that is no reduced copy or mask.

    Scanners and editors put a thumbnail first. The copy only differs in the first directory's
    offset; the file itself is returned if its first picture is a whole one, or none is.
    """
    if not _is_lesser(data, None):
        return data
    wanted = next((at for at in _directories(data) if not _is_lesser(data, at)), None)
    if wanted is None:
        return data
    order, (offset, at, _, _) = _structure(data)
    end = at + struct.calcsize(offset)
    return data[:at] + struct.pack(order + offset, wanted) + data[end:]


def is_whole(data: bytes) -> bool:
    """Return whether the first directory, and all values and pixels it names, are in the file."""
    order, (offset, *_) = _structure(data)
    end = len(data)
    try:
        for _, kind, length, place in _entries(data, None):
            size = length * (struct.calcsize(_TYPES[kind]) if kind in _TYPES else _SIZES[kind])
            if size > struct.calcsize(offset):
                (at,) = struct.unpack_from(order + offset, data, place)
                if at + size > len(data):
                    return False
            end = place + struct.calcsize(offset)
    except (struct.error, OverflowError, KeyError):
        return False
    # The offset of the next directory is the last part of one.
    return end + struct.calcsize(offset) <= len(data) and _has_pixels(data)


def _has_pixels(data: bytes) -> bool:
    tags = read_tags(data, (_OFFSETS, _COUNTS, _TILE_OFFSETS, _TILE_COUNTS))
    offsets = tags.get(_OFFSETS) or tags.get(_TILE_OFFSETS)
    counts = tags.get(_COUNTS) or tags.get(_TILE_COUNTS)
    if not offsets or not counts or len(offsets) != len(counts):
        return False
    if not all(isinstance(number, int) for number in (*offsets, *counts)):
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


def is_signed(data: bytes) -> bool:
    """Return whether values are signed integers."""
    return bool(read_tags(data, (_SAMPLE_FORMAT,)).get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _SIGNED)


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
        data: The beginning of a file, or all of it.
        wanted: The tags to return.
        start: The offset of the directory; None means the first one.
        values_max: Maximum number of values of a tag; the others are left out.
    """
    order, (offset, *_) = _structure(data)
    found: dict[int, tuple[Any, ...]] = {}
    try:
        for tag, kind, length, place in _entries(data, start):
            if tag in wanted and tag not in found:
                length = min(length, values_max)
                values = _values(data, order, offset, place, kind, length)
                if values is not None:
                    found[tag] = values
    except (struct.error, OverflowError):
        # The data ends here.
        pass
    return found


def _is_lesser(data: bytes, start: int | None) -> bool:
    """Return whether a directory is not of a picture as people see it."""
    tags = read_tags(data, (_SUBFILE, _OLD_SUBFILE, _PHOTOMETRIC), start)
    kind = tags.get(_SUBFILE, (0,))[0]
    return bool(
        (isinstance(kind, int) and kind & _LESSER)
        or tags.get(_OLD_SUBFILE) == (_OLD_REDUCED,)
        or tags.get(_PHOTOMETRIC, (0,))[0] in _SENSORS
    )


def _directories(data: bytes) -> Iterator[int]:
    """Yield where each directory begins: those of the file's list, then those that they name."""
    order, (offset, at, count, entry) = _structure(data)
    step = struct.calcsize("=" + entry) + struct.calcsize(offset)
    listed: list[int] = []
    try:
        while len(listed) < _DIRECTORIES_MAX:
            (start,) = struct.unpack_from(order + offset, data, at)
            if not start or start in listed:
                break
            (entries,) = struct.unpack_from(order + count, data, start)
            listed.append(start)
            yield start
            at = start + struct.calcsize(count) + entries * step
    except (struct.error, OverflowError):
        # The data ends here.
        pass
    for start in listed:
        named = read_tags(data, (_SUBIFDS,), start).get(_SUBIFDS, ())
        yield from (place for place in named[:_DIRECTORIES_MAX] if isinstance(place, int))


def _structure(data: bytes) -> tuple[str, tuple[str, int, str, str]]:
    """Return the byte order, and the structures that depend on the file's kind."""
    order = "<" if data[:2] == b"II" else ">"
    return order, _BIG if data[2:4] in (b"+\x00", b"\x00+") else _CLASSIC


def _entries(data: bytes, start: int | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield a directory's entries: tag, type, number of values, and where its value field is.

    Raises:
        struct.error: The data ends before the directory does.
        OverflowError: The directory is farther away than any data.
    """
    order, (offset, at, count, entry) = _structure(data)
    if start is None:
        (start,) = struct.unpack_from(order + offset, data, at)
    (entries,) = struct.unpack_from(order + count, data, start)
    start += struct.calcsize(count)
    step = struct.calcsize("=" + entry) + struct.calcsize(offset)
    for number in range(min(entries, _ENTRIES_MAX)):
        tag, kind, length = struct.unpack_from(order + entry, data, start + number * step)
        yield tag, kind, length, start + number * step + struct.calcsize("=" + entry)


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
