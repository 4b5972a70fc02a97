"""Cursors: positions in lists that are sorted by time and id, as the API returns them."""

from __future__ import annotations

import math
import re

from common.ids import IMAGE_ID, RECORD_ID

# Pattern of a cursor, for the OpenAPI document.
CURSOR_PATTERN = rf"^[0-9]{{1,12}}(\.[0-9]{{1,12}})?-({RECORD_ID}|{IMAGE_ID})$"

# The time and id of the last entry of the previous page. Opaque to callers.
_CURSOR = re.compile(rf"(\d+(?:\.\d+)?)-({RECORD_ID}|{IMAGE_ID})", re.ASCII)


def write_cursor(at: float, last_id: str) -> str:
    """Return the cursor of the page after the entry with this time and id."""
    return f"{at!r}-{last_id}"


def read_cursor(cursor: str) -> tuple[float, str]:
    """Return the time and id of the last entry of the previous page.

    Raises:
        ValueError: The cursor is malformed.
    """
    found = _CURSOR.fullmatch(cursor)
    if found is None or not math.isfinite(float(found[1])):
        raise ValueError("give the next_cursor of another page")
    return float(found[1]), found[2]
