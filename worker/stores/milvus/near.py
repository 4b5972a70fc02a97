"""Searches within a circle.

Milvus compares numbers and has no trigonometry, so an expression finds the rows in the box around
the circle. This measures the distance of each row found, and asks for more until enough are
inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from common.filters.model import Near
from worker.stores.circle import is_inside
from worker.stores.window import WINDOW_MAX

# The fields of a row that are needed to measure its distance.
PLACE_FIELDS = ("latitude", "longitude")
# Rows to ask for at first, per row wanted and beside these: a circle covers about three quarters
# of its box. Then four times as many.
_PER_ROW, _EXTRA, _GROWTH = 1.5, 16, 4

Found = dict[str, Any]
# Returns as many of the best rows in the box as the limit, without the images with these ids.
Find = Callable[[int, Sequence[str]], list[Found]]


def best_inside(circle: Near, count: int, find: Find) -> list[Found]:
    """Return the best ``count`` rows within the circle, or all if there are fewer."""
    outside: list[str] = []
    limit = int(count * _PER_ROW) + _EXTRA
    while True:
        limit = min(limit, WINDOW_MAX)
        found = find(limit, outside)
        inside = [row for row in found if _is_inside(circle, row)]
        if len(inside) >= count or len(found) < limit:
            return inside[:count]
        if limit == WINDOW_MAX:
            # Milvus returns no more rows, so the next call must not find those outside.
            outside += [row["entity"]["image_id"] for row in found if not _is_inside(circle, row)]
        limit *= _GROWTH


def _is_inside(circle: Near, row: Found) -> bool:
    return is_inside(circle, *(row["entity"][field] for field in PLACE_FIELDS))
