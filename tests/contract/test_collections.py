"""Contract tests for the collections of all models: Milvus Lite and memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from common.contract import ImageRecord
from common.errors import GlimpseError
from common.settings import Settings
from worker.encoders.base import Encoder
from worker.encoders.hashing import HashingEncoder
from worker.stores.base import Row, VectorStore
from worker.stores.collections import Collections
from worker.stores.registry import open_collections, open_store

ID = "a" * 64


class NamedEncoder(HashingEncoder):
    """The hashing encoder under any name."""

    def __init__(self, name: str, dim: int) -> None:
        super().__init__(dim)
        self.name = name


FIRST, SECOND = NamedEncoder("collections-first", 32), NamedEncoder("collections-second", 48)


@pytest.fixture(params=["memory", "milvus_lite"])
def settings(request: pytest.FixtureRequest) -> Settings:
    if request.param == "memory":
        return Settings(milvus_uri="memory://collections")
    return Settings(milvus_uri=request.getfixturevalue("milvus_lite").uri)


@pytest.fixture
def collections(settings: Settings) -> Iterator[Collections]:
    found = open_collections(settings)
    yield found
    for encoder in (FIRST, SECOND):
        found.drop(encoder.name)


def opened(settings: Settings, encoder: Encoder) -> VectorStore:
    store = open_store(settings, encoder)
    store.open()
    return store


def row(encoder: Encoder) -> Row:
    record = ImageRecord(
        id=ID,
        filename="a.png",
        bytes=1,
        width=1,
        height=1,
        format="PNG",
        indexed_at="2026-11-26T00:00:00Z",
    )
    vector = np.eye(1, encoder.dim, dtype=np.float32)[0]
    return Row("tenant", record, vector, "job")


def test_every_model_is_listed_with_its_rows(settings: Settings, collections: Collections) -> None:
    opened(settings, FIRST).upsert([row(FIRST)])
    opened(settings, SECOND)
    names = (FIRST.name, SECOND.name)
    found = [each for each in collections.all() if each.model in names]
    assert [(each.model, each.dim, each.images) for each in found] == [
        (FIRST.name, 32, 1),
        (SECOND.name, 48, 0),
    ]


def test_a_collection_is_found_by_its_model(settings: Settings, collections: Collections) -> None:
    opened(settings, FIRST).upsert([row(FIRST)])
    store = collections.find(FIRST.name)
    assert store is not None
    assert list(store.known("tenant", [ID])) == [ID]
    assert collections.find("collections-none") is None


def test_the_others_are_all_but_one(settings: Settings, collections: Collections) -> None:
    first, second = opened(settings, FIRST), opened(settings, SECOND)
    second.upsert([row(SECOND)])
    others = {store.collection() for store in collections.others(first)}
    assert second.collection() in others
    assert first.collection() not in others
    for store in collections.others(first):
        store.delete("tenant", [ID])
    assert second.count() == 0


def test_a_dropped_collection_is_gone_and_not_created_again(
    settings: Settings, collections: Collections
) -> None:
    opened(settings, FIRST)
    store = collections.find(FIRST.name)
    assert collections.drop(FIRST.name)
    assert not collections.drop(FIRST.name)
    assert FIRST.name not in [each.model for each in collections.all()]
    assert store is not None
    if settings.milvus_uri.startswith("http"):
        with pytest.raises(GlimpseError):
            store.count()
        assert FIRST.name not in [each.model for each in collections.all()]
