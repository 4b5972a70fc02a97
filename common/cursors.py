"""Cursors: where a list that is sorted by time and id goes on, as callers hand it back."""

from __future__ import annotations

import math
import re

from common.ids import IMAGE_ID, RECORD_ID

# What a cursor looks like, for the OpenAPI document.
CURSOR_PATTERN = rf"^[0-9]{{1,12}}(\.[0-9]{{1,12}})?-({RECORD_ID}|{IMAGE_ID})$"

# A time, and the id of what is last in the page before. Callers take it as opaque.
_CURSOR = re.compile(rf"(\d+(?:\.\d+)?)-({RECORD_ID}|{IMAGE_ID})", re.ASCII)


def write_cursor(at: float, last_id: str) -> str:
    """Return the cursor that goes on behind what has this time and id."""
    return f"{at!r}-{last_id}"


def read_cursor(cursor: str) -> tuple[float, str]:
    """Return time and id of the last in the page before.

    Raises:
        ValueError: It is no cursor.
    """
    found = _CURSOR.fullmatch(cursor)
    if found is None or not math.isfinite(float(found[1])):
        raise ValueError("give the next_cursor of another page")
    return float(found[1]), found[2]
