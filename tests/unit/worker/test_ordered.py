"""Rows in any order, from queries that return them unsorted and not all at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pictures import image_id
from worker.stores.milvus.definition import Server
from worker.stores.milvus.ordered import ROWS_MAX, in_order
from worker.stores.order import Key, Order

LITE, SERVER = Server("").dialect, Server("v2.3.5").dialect


class Rows:
    """Answers as Milvus does: any rows that match an expression, unsorted, up to a limit.

    The expressions are those that are valid in Python as well as in Milvus.
    """

    def __init__(self, order: Order, values: list[Any]) -> None:
        self.order = order
        self.keys = [(value, image_id(str(at).encode())) for at, value in enumerate(values)]
        self.queries = 0
        self._dice = random.Random(1)

    def find(self, expression: str, limit: int) -> list[Key]:
        self.queries += 1
        field = {"filename": "filepath"}.get(self.order.field, self.order.field)
        matches = eval(f"lambda {field}, image_id: {expression or True}")
        found = [key for key in self.keys if _holds(matches, key)]
        self._dice.shuffle(found)
        return found[:limit]


class Missing:
    """The value of a field that a row lacks: meets no condition on it."""

    def __gt__(self, other: object) -> bool:
        return False

    __lt__ = __gt__


def _holds(matches: Any, key: Key) -> bool:
    return bool(matches(Missing() if key[0] is None else key[0], key[1]))


def pages(rows: Rows, limit: int, dialect: Any = LITE) -> Iterator[list[Key]]:
    after: Key | None = None
    while True:
        page, after = in_order(rows.find, rows.order, dialect, limit, after)
        yield page
        if after is None:
            return


def keys(rows: Rows, limit: int, dialect: Any = LITE) -> list[Key]:
    return [key for page in pages(rows, limit, dialect) for key in page]


@pytest.mark.parametrize("descending", [False, True])
def test_many_rows_are_in_order(descending: bool) -> None:
    dice = random.Random(2)
    rows = Rows(Order("bytes", descending), [dice.randrange(10**6) for _ in range(10_000)])
    ordered = rows.order.arranged(rows.keys)
    for limit in (100, 1000):
        rows.queries = 0
        first, after = in_order(rows.find, rows.order, LITE, limit, None)
        assert first == ordered[:limit]
        assert rows.queries <= 4
        second, _ = in_order(rows.find, rows.order, LITE, limit, after)
        assert second == ordered[limit : 2 * limit]


def test_a_value_may_be_crowded() -> None:
    rows = Rows(Order("filename", True), ["a", "b"] * 2500)
    assert keys(rows, 1000) == rows.order.arranged(rows.keys)


@pytest.mark.parametrize("dialect", [LITE, SERVER])
@pytest.mark.parametrize("missing", [1, 4500])
def test_images_without_a_value_come_last(dialect: Any, missing: int) -> None:
    rows = Rows(Order("taken_at", False), [*range(ROWS_MAX + 10), *[None] * missing])
    assert keys(rows, 1000, dialect) == rows.order.arranged(rows.keys)


def test_a_page_gives_up_looking_for_images_without_a_value() -> None:
    rows = Rows(Order("taken_at", True), [*range(17_000), None])
    last, missing = rows.keys[0], (None, "f" * 64)
    rows.keys[-1] = missing
    page, after = in_order(rows.find, rows.order, LITE, 1000, last)
    assert rows.queries < 40
    assert page == []
    assert after is not None
    rest, after = in_order(rows.find, rows.order, LITE, 1000, after)
    assert (rest, after) == ([missing], None)


def test_rows_that_are_deleted_meanwhile_end_no_page_early() -> None:
    rows = Rows(Order("bytes", False), list(range(10_000)))
    find = rows.find

    def find_and_delete(expression: str, limit: int) -> list[Key]:
        found = find(expression, limit)
        # All of the first hundred that a query is about to be limited to.
        rows.keys = [key for key in rows.keys if key[0] not in range(150)]
        return found

    page, after = in_order(find_and_delete, rows.order, LITE, 100, None)
    assert [value for value, _ in page] == list(range(150, 250))
    assert after == page[-1]
