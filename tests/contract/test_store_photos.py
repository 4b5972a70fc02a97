"""Photo info in every vector store: what rows keep of it, and searches within a circle."""

from __future__ import annotations

import pytest

from common.errors import StoreError
from common.filters.model import Filter
from common.images.photo_info import DESCRIPTION_CHARACTERS_MAX as DESCRIPTION_MAX
from common.images.photo_info import (
    KEYWORD_CHARACTERS_MAX,
    KEYWORDS_MAX,
    NAME_CHARACTERS_MAX,
    Location,
    PhotoInfo,
)
from tests.support.store_clients import row, unit
from worker.stores.base import Row, VectorStore
from worker.stores.milvus import inexact
from worker.stores.rows import PHOTO_BYTES_MAX
from worker.stores.window import WINDOW_MAX

# Conditions that any photo info with all fields meets.
EVERYTHING = [
    {"taken_at": {"gte": "0001-01-01T00:00:00Z"}},
    {"taken_at": {"lt": "9999-12-31T00:00:00Z"}},
    {"camera": {"prefix": "c"}},
    {"camera": {"in": ["canon"]}},
    {"near": {"latitude": 0, "longitude": 0, "km": 20_038}},
]
EMPTY = [None, PhotoInfo(), PhotoInfo(lens="50 mm", keywords=["sea"])]


def at(name: str, latitude: float, longitude: float, seed: int = 0) -> Row:
    place = Location(latitude=latitude, longitude=longitude)
    return row(name, seed, photo=PhotoInfo(location=place))


def near(store: VectorStore, latitude: float, longitude: float, km: float) -> set[str]:
    circle = {"latitude": latitude, "longitude": longitude, "km": km}
    wanted = Filter.model_validate({"near": circle})
    hits = store.search("default", unit(0), limit=100, wanted=wanted)
    return {hit.filename.removesuffix(".jpg") for hit in hits}


def test_an_image_without_photo_info_comes_back_as_such(store: VectorStore) -> None:
    rows = [row(f"image {number}", photo=photo) for number, photo in enumerate(EMPTY)]
    store.upsert(rows)
    records = store.get("default", [each.record.id for each in rows])
    assert [record.photo for record in records] == EMPTY


def test_an_image_without_photo_info_meets_no_condition_on_it(store: VectorStore) -> None:
    store.upsert([row(f"image {number}", photo=photo) for number, photo in enumerate(EMPTY)])
    place = Location(latitude=1, longitude=1)
    full = PhotoInfo(taken_at="2024-05-01T12:00:00", camera="Canon", location=place)
    store.upsert([row("full", photo=full)])
    for asked in EVERYTHING:
        hits = store.search("default", unit(0), limit=9, wanted=Filter.model_validate(asked))
        assert [hit.filename for hit in hits] == ["full.jpg"], asked


def test_photo_info_is_replaced_and_removed_with_its_row(store: VectorStore) -> None:
    store.upsert([row("a", photo=PhotoInfo(camera="Canon"))])
    store.upsert([row("a", photo=PhotoInfo(lens="50 mm"))])
    wanted = Filter.model_validate({"camera": "canon"})
    assert store.search("default", unit(0), limit=1, wanted=wanted) == []
    store.upsert([row("a")])
    assert store.get("default", [row("a").record.id])[0].photo is None


def test_the_largest_photo_info_is_stored(store: VectorStore) -> None:
    name, word = "😀" * NAME_CHARACTERS_MAX, "😀" * KEYWORD_CHARACTERS_MAX
    largest = PhotoInfo(
        taken_at="2024-05-01T12:00:00.000000+02:00",
        camera=name,
        lens=name,
        orientation=8,
        location=Location(latitude=-89.123456, longitude=-179.123456, country=name, town=name),
        description="😀" * DESCRIPTION_MAX,
        keywords=[word] * KEYWORDS_MAX,
    )
    written = row("a", photo=largest)
    store.upsert([written])
    assert store.get("default", [written.record.id]) == [written.record]


@pytest.mark.parametrize("text", ["x" * PHOTO_BYTES_MAX, "\ud800"])
def test_photo_info_that_cannot_be_stored_is_refused(store: VectorStore, text: str) -> None:
    with pytest.raises(StoreError, match="photo info"):
        store.upsert([row("a", photo=PhotoInfo(description=text))])
    assert store.count() == 0


def test_a_circle_may_cross_the_date_line_and_the_poles(store: VectorStore) -> None:
    store.upsert(
        [
            at("west", -17, 179.9),
            at("east", -17, -179.9),
            at("on", -17, 180),
            at("on too", -17, -180),
            at("far", -17, 178),
            at("pole", 90, 0),
            at("beside", 89.9, 100),
            at("other side", 89.9, -80),
        ]
    )
    line = {"west", "east", "on", "on too"}
    assert near(store, -17, 179.95, 20) == near(store, -17, -179.95, 20) == line
    assert near(store, -17, 180, 1) == near(store, -17, -180, 1) == {"on", "on too"}
    assert near(store, 89.95, 0, 15) == {"pole", "beside", "other side"}
    assert near(store, 89.9, 100, 12) == {"pole", "beside"}
    assert near(store, 89.9, 100, 1) == {"beside"}


@pytest.mark.parametrize("window", [WINDOW_MAX, 20])
def test_the_corners_of_the_box_leave_no_page_short(
    store: VectorStore, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With a small window, the search must exclude rows by their ids.
    monkeypatch.setattr(inexact, "WINDOW_MAX", window)
    # All places are in the box around the circle, and the better rows outside of the circle.
    corners = [at(f"corner {number}", 0.8, 0.8, seed=0) for number in range(90)]
    inside = [at(f"inside {number}", 0.8, 0.1, seed=number + 1) for number in range(12)]
    store.upsert([*corners, *inside])
    wanted = Filter.model_validate({"near": {"latitude": 0, "longitude": 0, "km": 111}})
    whole = store.search("default", unit(0), limit=100, wanted=wanted)
    assert len(whole) == 12
    assert store.search("default", unit(0), limit=5, wanted=wanted) == whole[:5]
    assert store.search("default", unit(0), limit=5, offset=5, wanted=wanted) == whole[5:10]
    found = store.nearest("default", unit(0), limit=20, offset=10, wanted=wanted)
    assert [each.image_id for each in found] == [hit.id for hit in whole[10:]]
    both = Filter.model_validate({**wanted.model_dump(), "filename": {"prefix": "inside 1"}})
    assert len(store.search("default", unit(0), limit=9, wanted=both)) == 3
    # The negation finds the corners, with the same excluding of rows by their ids.
    others = Filter.model_validate({"not": wanted.model_dump(), "filename": {"prefix": "corner"}})
    found = store.nearest("default", unit(3), limit=20, wanted=others)
    assert len({each.image_id for each in found} & {row.record.id for row in corners}) == 20
    either = Filter.model_validate({"or": [wanted.model_dump(), {"filename": "corner 7.jpg"}]})
    assert len(store.search("default", unit(0), limit=20, wanted=either)) == 13
