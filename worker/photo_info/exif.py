"""EXIF: reads a picture's TIFF of tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from common.images.photo_info import Location
from common.images.tiff_header import read_tags
from worker.photo_info.cameras import camera_name
from worker.photo_info.locations import degrees, fractions, location_of
from worker.photo_info.statement import Statement
from worker.photo_info.texts import TEXT_BYTES_MAX, decode_text, decode_utf8
from worker.photo_info.times import parse_time

# Where the directories of the picture and of its location begin.
_PICTURE, _LOCATION = 0x8769, 0x8825
# Tags of texts.
_DESCRIPTION, _MAKE, _MODEL, _LENS = 0x010E, 0x010F, 0x0110, 0xA434
_CHANGED, _TAKEN, _DIGITIZED = 0x0132, 0x9003, 0x9004
_CHANGED_OFFSET, _TAKEN_OFFSET, _DIGITIZED_OFFSET = 0x9010, 0x9011, 0x9012
_LATITUDE_REF, _LONGITUDE_REF = 1, 3
# Tags of other values.
_ORIENTATION, _COMMENT = 0x0112, 0x9286
_LATITUDE, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = 2, 4, 5, 6
# Tags of Windows, whose texts are in UTF-16.
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
_WANTED = frozenset(
    {
        *(_PICTURE, _LOCATION, _DESCRIPTION, _MAKE, _MODEL, _LENS, _ORIENTATION, _COMMENT),
        *(_CHANGED, _TAKEN, _DIGITIZED, _CHANGED_OFFSET, _TAKEN_OFFSET, _DIGITIZED_OFFSET),
        *(_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE),
        *(_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS),
    }
)

# Values of the altitude's reference that mean below it.
_BELOW = (1, 3)
# Descriptions that cameras write into all their pictures.
_BY_CAMERA = re.compile(
    r"(?i).*\bdigital (still )?camera|SONY DSC|SAMSUNG( CAMERA PICTURES)?|<KENOX .*>|DCIM\\.*"
)
# Encodings of a comment by the name before it.
_ASCII, _UNICODE, _JIS, _UNDEFINED = b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", bytes(8)


class _Tags:
    """The tags of a picture, each read by its type."""

    def __init__(self, tags: Mapping[int, tuple[Any, ...]], order: str) -> None:
        self._tags = tags
        # UTF-16 in the byte order of the TIFF.
        self.utf_16 = f"utf-16-{order}"

    def raw(self, tag: int) -> bytes:
        """Return a value's bytes, at most those of the longest text."""
        values = self._tags.get(tag, ())
        if values and isinstance(values[0], bytes):
            return values[0][:TEXT_BYTES_MAX]
        return bytes(value & 0xFF for value in values)

    def text(self, tag: int) -> str:
        """Return a text that a person may have written."""
        return decode_text(self.raw(tag))

    def code(self, tag: int) -> str:
        """Return a text that is ASCII, such as a time."""
        return self.raw(tag).partition(b"\0")[0].decode("latin-1")

    def integer(self, tag: int) -> int | None:
        value = next(iter(self._tags.get(tag, ())), None)
        return value if isinstance(value, int) else None

    def numbers(self, tag: int) -> list[float]:
        """Return a value of fractions; nothing if one of them is no number."""
        values = self._tags.get(tag, ())
        if len(values) % 2 or not all(isinstance(value, int) for value in values):
            return []
        try:
            return fractions(values)
        except ZeroDivisionError:
            return []


def read_exif(tiffs: tuple[bytes, ...]) -> Statement:
    """Return what EXIF says.

    Args:
        tiffs: One TIFF, or one for each directory.
    """
    values: dict[int, tuple[Any, ...]] = {}
    for tiff in tiffs:
        values.update(_directories(tiff))
    tags = _Tags(values, "le" if tiffs and tiffs[0][:2] == b"II" else "be")
    camera = camera_name(tags.text(_MAKE), tags.text(_MODEL))
    taken, digitized = _times(tags, is_of_camera=camera is not None)
    description, guessed = _description(tags)
    orientation = tags.integer(_ORIENTATION)
    return Statement(
        taken_at=taken,
        digitized_at=digitized,
        camera=camera,
        lens=tags.text(_LENS),
        orientation=orientation,
        location=_location(tags),
        description=description,
        remarks=(guessed, _comment(tags), _xp(tags, _XP_COMMENT), _xp(tags, _XP_TITLE)),
        keywords=tuple(_xp(tags, _XP_KEYWORDS).split(";")),
    )


def _directories(tiff: bytes) -> dict[int, tuple[Any, ...]]:
    """Return the tags of the first directory, and of those that it points to."""
    values = dict(read_tags(tiff, _WANTED, values_max=TEXT_BYTES_MAX))
    for pointer in (_PICTURE, _LOCATION):
        (start, *_) = values.get(pointer, (None,))
        if isinstance(start, int):
            values.update(read_tags(tiff, _WANTED, start, TEXT_BYTES_MAX))
    return values


def _times(tags: _Tags, *, is_of_camera: bool) -> tuple[str | None, str | None]:
    """Return when a picture was taken and digitized."""
    changed, taken = tags.code(_CHANGED), tags.code(_TAKEN)
    # In an unedited picture, the time and the offset of the last change are the camera's.
    offset = tags.code(_TAKEN_OFFSET) or (tags.code(_CHANGED_OFFSET) if taken == changed else "")
    digitized_at = parse_time(tags.code(_DIGITIZED), tags.code(_DIGITIZED_OFFSET))
    if digitized_at is None and is_of_camera:
        # Some cameras write no other time.
        digitized_at = parse_time(changed, tags.code(_CHANGED_OFFSET))
    return parse_time(taken, offset), digitized_at


def _description(tags: _Tags) -> tuple[str | None, str]:
    """Return the description if its encoding is known; else, the text of a guess."""
    raw = tags.raw(_DESCRIPTION)
    known = decode_utf8(raw)
    if known is None:
        return None, decode_text(raw)
    return (None if _BY_CAMERA.fullmatch(known.strip()) else known), ""


def _comment(tags: _Tags) -> str:
    """Return the user's comment, whose first eight bytes name its encoding."""
    raw = tags.raw(_COMMENT)
    name, text = raw[:8], raw[8:]
    if name == _UNICODE:
        return _utf_16(text, tags.utf_16)
    if name == _JIS:
        return text.decode("iso2022_jp", errors="replace")
    return decode_text(text if name in (_ASCII, _UNDEFINED) else raw)


def _utf_16(data: bytes, likely: str) -> str:
    """Decode UTF-16, whose byte order programs often get wrong."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    # Most texts have ASCII characters, at least blanks, whose upper byte is zero.
    upper, lower = data[::2].count(0), data[1::2].count(0)
    if upper != lower:
        likely = "utf-16-be" if upper > lower else "utf-16-le"
    return data.decode(likely, errors="replace")


def _xp(tags: _Tags, tag: int) -> str:
    return tags.raw(tag).decode("utf-16-le", errors="replace")


def _location(tags: _Tags) -> Location | None:
    latitude, longitude = (
        degrees(tags.numbers(tag), tags.code(ref).strip().upper()[:1])
        for tag, ref in ((_LATITUDE, _LATITUDE_REF), (_LONGITUDE, _LONGITUDE_REF))
    )
    altitude = next(iter(tags.numbers(_ALTITUDE)), None)
    if altitude is not None and tags.integer(_ALTITUDE_REF) in _BELOW:
        altitude = -altitude
    return location_of(latitude, longitude, altitude)
