"""Rows sorted by time, from queries that return them unsorted."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pictures import image_id
from worker.stores.milvus.pages import WINDOW_ROWS_MAX, Key, newest

NOW = 1_790_000_000_000


class Rows:
    """Answers as Milvus does: any rows that match a filter, unsorted, up to a limit.

    The filters are those that are valid in Python as well as in Milvus.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = list(keys)
        self.queries = 0
        self._dice = random.Random(1)

    def find(self, expression: str, limit: int) -> list[Key]:
        self.queries += 1
        fits = eval(f"lambda indexed_at, image_id: {expression}")
        found = [key for key in self.keys if fits(*key)]
        self._dice.shuffle(found)
        return found[:limit]


def in_order(keys: Sequence[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (-key[0], key[1]))


def pages(rows: Rows, limit: int) -> list[Key]:
    """Return all keys, read page by page."""
    found: list[Key] = []
    while page := newest(rows.find, limit, NOW, found[-1] if found else None):
        found += page
    return found


def crowd(count: int, at: int = NOW) -> list[Key]:
    return [(at, image_id(f"{at} {number}".encode())) for number in range(count)]


moments = st.one_of(
    st.integers(NOW - 50, NOW + 50),
    st.integers(NOW - 10**7, NOW),
    st.integers(0, NOW + 10**9),
)


@settings(max_examples=200, deadline=None)
@given(times=st.lists(st.one_of(moments, st.just(NOW - 7)), max_size=60), limit=st.integers(1, 25))
def test_every_image_comes_once_and_in_order(times: list[int], limit: int) -> None:
    keys = [(at, image_id(str(number).encode())) for number, at in enumerate(times)]
    assert pages(Rows(keys), limit) == in_order(keys)


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(moments, min_size=5, max_size=40),
    limit=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_what_is_there_all_the_while_comes_once(times: list[int], limit: int, seed: int) -> None:
    dice = random.Random(seed)
    keys = [(at, image_id(str(number).encode())) for number, at in enumerate(times)]
    rows = Rows(keys)
    staying = set(dice.sample(keys, len(keys) // 2))
    found: list[Key] = []
    while page := newest(rows.find, limit, NOW, found[-1] if found else None):
        found += page
        rows.keys = [key for key in rows.keys if key in staying or dice.random() < 0.7]
        rows.keys.append((dice.choice(times), image_id(str(dice.random()).encode())))
    assert found == in_order(found)
    assert len(found) == len(set(found))
    assert staying <= set(found)


@pytest.mark.parametrize("at", [NOW, NOW - 123_456_789, NOW + 60_000, 0])
def test_a_millisecond_may_be_crowded(at: int) -> None:
    keys = [*crowd(WINDOW_ROWS_MAX + 500, at), *crowd(20, NOW - 5), *crowd(3, 1)]
    rows = Rows(set(keys))
    assert pages(rows, 1000) == in_order(rows.keys)


def test_a_crowd_of_crowds_is_told_apart() -> None:
    rows = Rows(crowd(70_000))
    assert newest(rows.find, 50, NOW) == in_order(rows.keys)[:50]
    assert rows.queries < 60


def test_an_ingest_at_full_rate_takes_few_queries() -> None:
    dice = random.Random(7)
    keys = [
        (NOW - dice.randrange(3_600_000), image_id(str(number).encode()))
        for number in range(50_000)
    ]
    rows = Rows(keys)
    first = newest(rows.find, 100, NOW)
    assert first == in_order(keys)[:100]
    assert rows.queries <= 4
    rows.queries = 0
    newest(rows.find, 100, NOW, first[-1])
    assert rows.queries <= 3


def test_few_rows_take_few_queries_however_old_they_are() -> None:
    rows = Rows([*crowd(3, NOW - 10**11), *crowd(3, 10**9)])
    assert newest(rows.find, 10, NOW) == in_order(rows.keys)
    assert rows.queries == 4
    rows.queries = 0
    assert newest(rows.find, 10, NOW, in_order(rows.keys)[-1]) == []
    assert rows.queries <= 3


@pytest.mark.parametrize("gap_ms", [0, 70_000, 86_400_000, 10**11])
def test_many_rows_take_few_queries_however_old_they_are(gap_ms: int) -> None:
    keys = [(NOW - gap_ms - 10 * number, image_id(b"%d" % number)) for number in range(60_000)]
    rows = Rows(keys)
    assert newest(rows.find, 101, NOW) == in_order(keys)[:101]
    assert rows.queries <= 6


def test_a_gap_of_years_before_many_rows_is_crossed() -> None:
    dice = random.Random(8)
    then = NOW - 10**11
    keys = [(then - dice.randrange(600_000), image_id(b"%d" % number)) for number in range(30_000)]
    rows = Rows(keys)
    assert newest(rows.find, 100, NOW) == in_order(keys)[:100]
    assert rows.queries < 40
