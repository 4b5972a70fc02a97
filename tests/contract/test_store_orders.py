"""Lists of images in every order, for every vector store."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from common.contract import Place, Sort
from common.filters.model import Filter
from common.images.photo_info import PhotoInfo
from common.rfc3339 import rfc3339
from tests.support.store_clients import row
from worker.stores.base import Row, VectorStore
from worker.stores.order import NAME_CHARACTERS, Order

SORTS: tuple[Sort, ...] = get_args(Sort)
# A time in seconds since 1970.
MOMENT = 1_790_000_000

# Beginnings that Milvus could confuse, and names that differ only after what orders them.
NAMES = [
    "a/b.jpg",
    "A/b.jpg",
    'say "x".jpg',
    "back\\slash",
    "100%",
    "ünï 犬",
    "x" * NAME_CHARACTERS,
]
NAMES += [f"{'x' * NAME_CHARACTERS}{end}" for end in ("", "a", "b")]
NAMES += ["\U0010ffff" * (NAME_CHARACTERS + 1), "\ud7ff" * NAME_CHARACTERS]


def some(count: int, taken: float = 0.7) -> list[Row]:
    """Return rows with equal and different values; some of them have a time."""
    dice = random.Random(5)
    return [
        row(
            f"image {number}",
            1,
            filename=dice.choice(NAMES),
            bytes=dice.choice([0, 1, 2**40, dice.randrange(10**6)]),
            indexed_at=rfc3339(MOMENT + dice.randrange(count)),
            photo=taken_at(dice) if dice.random() < taken else None,
            tags=["even"] * (number % 2),
        )
        for number in range(count)
    ]


def taken_at(dice: random.Random) -> PhotoInfo:
    time = rfc3339(MOMENT - dice.choice([0, dice.randrange(10**9), 3 * 10**9]))
    return PhotoInfo(taken_at=time)


def in_order(rows: list[Row], sort: Sort) -> list[str]:
    """Return the ids of rows in order, by a definition of its own."""
    sign = -1 if sort.startswith("-") else 1
    order = Order.of(sort)

    def key(each: Row) -> tuple[bool, list[float], str]:
        value, image_id = order.key_of(each.record)
        numbers = [value] if isinstance(value, int) else [*map(ord, value or "")]
        # Ends below every character, so that a name comes before longer ones.
        return value is None, [sign * number for number in [*numbers, -1]], image_id

    return [each.record.id for each in sorted(rows, key=key)]


def listed(store: VectorStore, sort: Sort, limit: int, wanted: Filter | None = None) -> list[str]:
    found: list[str] = []
    after: Place | None = None
    while True:
        records, after = store.page("default", limit, None, after, wanted, sort)
        found += [record.id for record in records]
        if after is None:
            return found
        # As it travels through the queue and the cursor.
        after = Place.model_validate_json(after.model_dump_json(exclude_none=True))


def test_every_image_comes_once_and_in_order(store: VectorStore) -> None:
    rows = some(120)
    store.upsert(rows)
    wanted = Filter.model_validate({"tags": {"any": ["even"]}})
    for sort in SORTS:
        assert listed(store, sort, 50) == in_order(rows, sort)
        assert listed(store, sort, 60, wanted) == in_order(rows[1::2], sort)


def test_every_page_continues_where_the_last_one_ended(store: VectorStore) -> None:
    rows = some(40)
    store.upsert(rows)
    for sort in ("filename", "-taken_at"):
        assert listed(store, sort, 3) == in_order(rows, sort)


def test_pages_are_stable_under_writes_and_deletes(store: VectorStore) -> None:
    rows = some(40)
    store.upsert(rows)
    order = in_order(rows, "taken_at")
    first, after = store.page("default", 10, sort="taken_at")
    store.delete("default", [order[9], order[10], order[-1]])
    rest = []
    while after is not None:
        records, after = store.page("default", 10, after=after, sort="taken_at")
        rest += [record.id for record in records]
    assert [record.id for record in first] == order[:10]
    assert rest == order[11:-1]


@pytest.mark.parametrize("taken", [0, 1])
def test_all_or_no_images_have_a_time(store: VectorStore, taken: int) -> None:
    rows = some(20, taken)
    store.upsert(rows)
    for sort in ("taken_at", "-taken_at"):
        assert listed(store, sort, 10) == in_order(rows, sort)
