"""Cursors of lists of images, which may be sorted by a number, a time or a name."""

from __future__ import annotations

import base64
import re

from common.contract import NEWEST_FIRST, Place, Sort
from common.ids import IMAGE_ID

# Pattern of a cursor, for the OpenAPI document.
IMAGE_CURSOR_PATTERN = (
    rf"^([0-9]{{1,14}}|-?[a-z_]{{1,10}}\.(-?[0-9]{{1,18}}|~[A-Za-z0-9_-]{{0,1368}})?)-{IMAGE_ID}$"
)

# A number, or a text in base64 after "~", or nothing if the image has no value; before it the order
# that it belongs to, except in lists that are newest first.
_CURSOR = re.compile(
    rf"(?:(?P<sort>-?[a-z_]+)\.)?(?:(?P<number>-?[0-9]{{1,18}})|~(?P<text>[\w-]{{0,1368}}))?"
    rf"-(?P<id>{IMAGE_ID})",
    re.ASCII,
)
# The last millisecond of the year 9999, in milliseconds since 1970.
_MS_MAX = 253_402_300_799_999
# Code of the first character after the control characters.
_SPACE = 0x20


def write_image_cursor(place: Place | None, sort: Sort) -> str | None:
    """Return the cursor that continues after a place in a list."""
    if place is None:
        return None
    if sort == NEWEST_FIRST:
        return f"{place.indexed_at_ms}-{place.id}"
    value = place.value
    if isinstance(value, str):
        value = "~" + base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    return f"{sort}.{'' if value is None else value}-{place.id}"


def read_image_cursor(cursor: str, sort: Sort) -> Place:
    """Return the place after which a list in this order continues.

    Raises:
        ValueError: The cursor is malformed, or of another order.
    """
    found = _CURSOR.fullmatch(cursor)
    if found is None or (found["sort"] or NEWEST_FIRST) != sort:
        raise ValueError("give the next_cursor of another page with the same sort")
    value = _value(found)
    if sort != NEWEST_FIRST and isinstance(value, str) == (sort.removeprefix("-") == "filename"):
        return Place(value=value, id=found["id"])
    if sort == NEWEST_FIRST and isinstance(value, int) and 0 <= value <= _MS_MAX:
        return Place(indexed_at_ms=value, id=found["id"])
    raise ValueError("give the next_cursor of another page")


def _value(found: re.Match[str]) -> int | str | None:
    if found["number"] is not None:
        return int(found["number"])
    if found["text"] is None:
        return None
    encoded = found["text"]
    text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    if any(ord(character) < _SPACE for character in text):
        raise ValueError("give the next_cursor of another page")
    return text
