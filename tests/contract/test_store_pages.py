"""Lists of images, newest first, for every vector store."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from common.contract import ImageRecord, Place
from common.filters.model import Filter
from common.rfc3339 import milliseconds, rfc3339
from tests.support.store_clients import image_id, row
from worker.stores.base import Row, VectorStore
from worker.stores.memory import MemoryStore

# A time in milliseconds since 1970.
MOMENT = 1_790_000_000_000

# Tags that would break out of an expression built without quoting.
ODD_TAGS = ['say "x"', "back\\slash", '" or tenant != "', "100%", "ünï 犬", "it's", "a, b", "\\"]


def at(name: str, offset_ms: int, **changes: object) -> Row:
    """Return a row indexed ``offset_ms`` after ``MOMENT``."""
    return row(name, 1, indexed_at=rfc3339((MOMENT + offset_ms) / 1000), **changes)


def place_of(record: ImageRecord) -> tuple[int, str]:
    return -milliseconds(record.indexed_at), record.id


def in_order(rows: list[Row]) -> list[str]:
    return [record.id for record in sorted((row.record for row in rows), key=place_of)]


def listed(store: VectorStore, limit: int, tag: str | None = None) -> list[str]:
    """Return the image ids of all pages."""
    found: list[str] = []
    after: Place | None = None
    while True:
        records, after = store.page("default", limit, tag, after)
        assert len(records) <= limit
        found += [record.id for record in records]
        if after is None:
            return found
        assert len(records) == limit


def test_an_empty_store_has_an_empty_page(store: VectorStore) -> None:
    assert store.page("default", 10) == ([], None)


def test_the_newest_come_first_and_every_image_once(store: VectorStore) -> None:
    dice = random.Random(3)
    rows = [
        at(f"image {number}", dice.choice([0, 5, -dice.randrange(10**9)])) for number in range(300)
    ]
    store.upsert(rows)
    for limit in (7, 100, 299, 300, 1000):
        assert listed(store, limit) == in_order(rows)


def test_a_page_has_whole_records(store: VectorStore) -> None:
    written = at("a", 0, tags=["x"], metadata={"year": 2026}, filename="a/ü.jpg")
    store.upsert([written])
    assert store.page("default", 1) == ([written.record], None)


def test_pages_are_stable_under_writes_and_deletes(store: VectorStore) -> None:
    rows = [at(f"image {number}", number // 4) for number in range(40)]
    store.upsert(rows)
    order = in_order(rows)
    first, after = store.page("default", 10)
    store.delete("default", [order[9], order[10], order[30]])
    store.upsert([at("newer", 10_000)])
    rest = []
    while after is not None:
        records, after = store.page("default", 10, after=after)
        rest += [record.id for record in records]
    assert [record.id for record in first] == order[:10]
    assert rest == [found for found in order[10:] if found not in (order[10], order[30])]


def test_images_of_clocks_that_are_ahead_are_listed(store: VectorStore) -> None:
    rows = [at("far ahead", 10**11), at("old", -(10**11)), at("now", 0)]
    store.upsert(rows)
    assert listed(store, 1) == in_order(rows)


@pytest.mark.parametrize("tag", ODD_TAGS)
def test_a_list_of_a_tag_has_what_carries_it(store: VectorStore, tag: str) -> None:
    rows = [at(f"image {number}", number, tags=[tag, "both"]) for number in range(5)]
    others = [at(f"other {number}", number, tags=["both", f"{tag}x"]) for number in range(5)]
    store.upsert(rows + others)
    assert listed(store, 2, tag) == in_order(rows)
    assert listed(store, 3, "both") == in_order(rows + others)
    assert listed(store, 3, "none") == []


def test_a_list_of_a_filter_has_what_matches(store: VectorStore) -> None:
    rows = [at(f"image {number}", number, tags=["even"] * (number % 2 == 0)) for number in range(9)]
    store.upsert(rows)
    wanted = Filter.model_validate({"tags": {"any": ["even"]}})
    found, after = store.page("default", 3, wanted=wanted)
    rest, end = store.page("default", 3, after=after, wanted=wanted)
    assert [record.id for record in found + rest] == in_order(rows[::2])
    assert end is None


def test_a_list_is_counted(store: VectorStore) -> None:
    rows = [
        at(f"image {number}", number, width=number, tags=["even"] * (number % 2 == 0))
        for number in range(9)
    ]
    store.upsert([*rows, replace(at("other", 1), tenant="other")])
    wanted = Filter.model_validate({"not": {"width": {"in": [0, 1]}}})
    counts = [
        store.count_matching("default", tag, each)
        for tag in (None, "even", "odd")
        for each in (None, wanted)
    ]
    assert counts == [9, 7, 5, 4, 0, 0]


def test_tags_are_counted(store: VectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [at(f"image {number}", number, tags=["all", f"of {number // 6}"]) for number in range(9)]
    store.upsert([*rows, at("none", 10), replace(at("other", 1, tags=["other"]), tenant="other")])
    assert store.tags("default") == ({"all": 9, "of 0": 6, "of 1": 3}, True)
    assert store.tags("nobody") == ({}, True)
    for name in ("_TAGS", "_LITE_TAGS"):
        monkeypatch.setattr(f"worker.stores.milvus.store.{name}", 4)
    if not isinstance(store, MemoryStore):
        assert store.tags("default") == ({"all": 3, "of 1": 3}, False)


def test_a_tenant_sees_only_its_own(store: VectorStore) -> None:
    mine, yours = at("a", 0), replace(at("b", 1), tenant="other")
    store.upsert([mine, yours])
    assert listed(store, 5) == [image_id("a")]
    assert store.page("other", 5)[0] == [yours.record]


def test_an_image_that_came_again_is_where_it_came_last(store: VectorStore) -> None:
    store.upsert([at("a", 0), at("b", 1)])
    store.upsert([at("a", 2)])
    assert listed(store, 1) == [image_id("a"), image_id("b")]
    store.delete("default", [image_id("b")])
    store.upsert([at("b", 3)])
    assert listed(store, 1) == [image_id("b"), image_id("a")]


def test_a_crowded_millisecond_is_listed_whole(store: VectorStore) -> None:
    rows = [at(f"image {number}", 0) for number in range(4500)] + [at("newer", 1)]
    store.upsert(rows)
    assert listed(store, 1000) == in_order(rows)
