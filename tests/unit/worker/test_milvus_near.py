"""Searches within a circle: rows outside are left out, and pages stay full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from common.filters.model import Near
from worker.stores.milvus.near import best_inside
from worker.stores.window import WINDOW_MAX

CIRCLE = Near(latitude=10, longitude=10, km=10)


def at(number: int, *, inside: bool) -> dict[str, Any]:
    place = {"latitude": 10.0, "longitude": 10.0 if inside else 11.0}
    return {"entity": {"image_id": str(number), **place}}


class Rows:
    """Rows in the box, best first; counts the searches and the most rows that one returned."""

    def __init__(self, *inside: bool) -> None:
        self.rows = [at(number, inside=each) for number, each in enumerate(inside)]
        self.searches, self.most = 0, 0

    def find(self, limit: int, without: Sequence[str]) -> list[dict[str, Any]]:
        self.searches += 1
        left = set(without)
        found = [row for row in self.rows if row["entity"]["image_id"] not in left][:limit]
        self.most = max(self.most, len(found))
        return found


def ids(found: Sequence[dict[str, Any]]) -> list[str]:
    return [row["entity"]["image_id"] for row in found]


def test_rows_outside_are_left_out() -> None:
    rows = Rows(True, False, True, True)
    assert ids(best_inside(CIRCLE, 2, rows.find)) == ["0", "2"]
    assert ids(best_inside(CIRCLE, 9, rows.find)) == ["0", "2", "3"]
    assert rows.searches == 2


def test_a_circle_with_no_rows_has_none() -> None:
    assert best_inside(CIRCLE, 10, Rows().find) == []
    assert best_inside(CIRCLE, 10, Rows(*[False] * 100).find) == []


@pytest.mark.parametrize("outside", [100, 1000, 40_000])
def test_a_page_is_full_however_many_rows_outside_are_better(outside: int) -> None:
    rows = Rows(*[False] * outside, *[True] * 30)
    found = best_inside(CIRCLE, 10, rows.find)
    assert ids(found) == [str(outside + number) for number in range(10)]
    assert rows.most <= WINDOW_MAX


def test_the_deepest_page_is_full() -> None:
    rows = Rows(*[False] * 5, *[True] * WINDOW_MAX)
    assert len(best_inside(CIRCLE, WINDOW_MAX, rows.find)) == WINDOW_MAX
    assert rows.most == WINDOW_MAX
