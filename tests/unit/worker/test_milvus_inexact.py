"""Searches whose expression finds too many rows: those that do not match are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from common.filters.model import Filter
from worker.stores.milvus.inexact import best_matching, fields_of
from worker.stores.window import WINDOW_MAX

CIRCLE = Filter.model_validate({"near": {"latitude": 10, "longitude": 10, "km": 10}})
ELSEWHERE = Filter.model_validate({"not": CIRCLE.model_dump()})


def at(number: int, *, inside: bool) -> dict[str, Any]:
    place = {"latitude": 10.0, "longitude": 10.0 if inside else 11.0}
    return {"entity": {"image_id": f"{number:064x}", **place}}


class Rows:
    """Rows in the box, best first; counts the searches and the most rows that one returned."""

    def __init__(self, *inside: bool) -> None:
        self.rows = [at(number, inside=each) for number, each in enumerate(inside)]
        self.searches, self.most = 0, 0

    def find(self, limit: int, without: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
        self.searches += 1
        left = set(without)
        found = [row for row in self.rows if row["entity"]["image_id"] not in left][:limit]
        self.most = max(self.most, len(found))
        return found, len(found) == limit


def numbers(found: Sequence[dict[str, Any]]) -> list[int]:
    return [int(row["entity"]["image_id"], 16) for row in found]


def test_rows_outside_are_left_out() -> None:
    rows = Rows(True, False, True, True)
    assert numbers(best_matching(CIRCLE, 2, rows.find)) == [0, 2]
    assert numbers(best_matching(CIRCLE, 9, rows.find)) == [0, 2, 3]
    assert rows.searches == 2


def test_the_negation_leaves_out_the_others_and_keeps_rows_without_the_field() -> None:
    rows = Rows(True, False, True)
    rows.rows.append({"entity": {"image_id": f"{7:064x}"}})
    assert numbers(best_matching(ELSEWHERE, 9, rows.find)) == [1, 7]


def test_a_circle_with_no_rows_has_none() -> None:
    assert best_matching(CIRCLE, 10, Rows().find) == []
    assert best_matching(CIRCLE, 10, Rows(*[False] * 100).find) == []


@pytest.mark.parametrize("outside", [100, 1000, 40_000])
def test_a_page_is_full_however_many_rows_outside_are_better(outside: int) -> None:
    rows = Rows(*[False] * outside, *[True] * 30)
    found = best_matching(CIRCLE, 10, rows.find)
    assert numbers(found) == [outside + number for number in range(10)]
    assert rows.most <= WINDOW_MAX


def test_the_deepest_page_is_full() -> None:
    rows = Rows(*[False] * 5, *[True] * WINDOW_MAX)
    assert len(best_matching(CIRCLE, WINDOW_MAX, rows.find)) == WINDOW_MAX
    assert rows.most == WINDOW_MAX


def test_the_fields_of_all_conditions_are_read() -> None:
    asked = {"width": 1, "or": [{"filename": "a"}, {"not": {"metadata.a.b": 1}}]}
    assert fields_of(Filter.model_validate(asked)) == {"width", "filepath", "metadata"}
    assert fields_of(CIRCLE) == {"latitude", "longitude"}
    assert fields_of(Filter.model_validate({"and": [{"camera": "x"}]})) == {"photo"}
