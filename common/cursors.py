"""Cursors: where a list that is sorted by time and id goes on, as callers hand it back."""

from __future__ import annotations

import math
import re

# What a cursor looks like, for the OpenAPI document.
CURSOR_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,12})?-([0-9a-f]{32}|[0-9a-f]{64})$"

# A time, and the id of what is last in the page before. Callers take it as opaque.
_CURSOR = re.compile(r"(\d+(?:\.\d+)?)-([0-9a-f]{32}|[0-9a-f]{64})", re.ASCII)


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
