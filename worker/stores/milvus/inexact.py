"""Searches whose expression is also true for rows that do not match.

Milvus compares numbers and has no trigonometry, so an expression finds the rows in the box around
a circle; and Milvus Lite cannot negate every condition. This checks each row found, and asks for
more until enough match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from common.filters.model import Filter
from worker.stores.matching import matches
from worker.stores.milvus.entities import to_partial_record
from worker.stores.window import WINDOW_MAX

# The fields of a row that tell whether it meets a condition, by the condition's name, if they
# differ. ``photo`` has times and cameras as records have them.
_FIELDS = {
    "id": ("image_id",),
    "filename": ("filepath",),
    "near": ("latitude", "longitude"),
    "taken_at": ("photo",),
    "camera": ("photo",),
}
# Rows to ask for at first, per row wanted and beside these: a circle covers about three quarters
# of its box. Then four times as many.
_PER_ROW, _EXTRA, _GROWTH = 1.5, 16, 4

Found = dict[str, Any]
# Returns the best rows up to a limit, without the images with these ids, and whether there may be
# more.
Find = Callable[[int, Sequence[str]], tuple[list[Found], bool]]


def fields_of(wanted: Filter) -> set[str]:
    """Return the fields of a row that tell whether it matches a filter."""
    own = {
        field
        for name in wanted.conditions
        for field in _FIELDS.get(name, (name.partition(".")[0],))
    }
    return own.union(*(fields_of(each) for each in wanted.inner))


def best_matching(wanted: Filter, count: int, find: Find) -> list[Found]:
    """Return the best ``count`` rows that match a filter, or all if there are fewer."""
    others: list[str] = []
    limit = int(count * _PER_ROW) + _EXTRA
    while True:
        limit = min(limit, WINDOW_MAX)
        found, more = find(limit, others)
        matching = [row for row in found if _is_match(wanted, row)]
        if len(matching) >= count or not more:
            return matching[:count]
        if limit == WINDOW_MAX:
            # Milvus returns no more rows, so the next call must not find the others.
            others += [row["entity"]["image_id"] for row in found if not _is_match(wanted, row)]
        limit *= _GROWTH


def _is_match(wanted: Filter, row: Found) -> bool:
    return matches(wanted, to_partial_record(row["entity"]))
