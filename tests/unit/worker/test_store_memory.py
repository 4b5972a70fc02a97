"""Behaviour of the memory store alone; the contract tests cover the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from common.contract import ImageRecord
from common.errors import ModelMismatch, StoreError, StoreUnavailable
from common.images.metadata_limits import (
    KEY_CHARACTERS_MAX,
    KEYS_MAX,
    METADATA_BYTES_MAX,
    TAG_CHARACTERS_MAX,
    TAGS_MAX,
)
from worker.stores.base import Row, VectorStore
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore

ID = "a" * 64
ROW = Row(
    "default",
    ImageRecord(
        id=ID,
        filename="a.jpg",
        bytes=1,
        width=1,
        height=1,
        format="JPEG",
        indexed_at="2026-01-31T12:00:00.000Z",
    ),
    np.array([1.0, 0.0], dtype=np.float32),
    "job-1",
)

CALLS: dict[str, Callable[[VectorStore], object]] = {
    "open": lambda store: store.open(),
    "ping": lambda store: store.ping(),
    "upsert": lambda store: store.upsert([ROW]),
    "search": lambda store: store.search("default", ROW.vector, limit=1),
    "page": lambda store: store.page("default", 10),
    "nearest": lambda store: store.nearest("default", ROW.vector, limit=1),
    "get": lambda store: store.get("default", [ID]),
    "vectors": lambda store: store.vectors("default", [ID]),
    "known": lambda store: store.known("default", [ID]),
    "named": lambda store: store.named("default", [ID]),
    "delete": lambda store: store.delete("default", [ID]),
    "count": lambda store: store.count(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_store_that_plays_away_raises_and_keeps_its_rows(
    call: Callable[[VectorStore], object],
) -> None:
    collection = MemoryCollection()
    store = MemoryStore(Identity("hashing", "1", 2), collection)
    store.upsert([ROW])
    collection.away = True
    with pytest.raises(StoreUnavailable):
        call(store)
    collection.away = False
    assert store.count() == 1


def test_two_stores_share_a_collection() -> None:
    collection = MemoryCollection()
    one, other = MemoryStore(None, collection), MemoryStore(None, collection)
    one.upsert([ROW])
    assert other.known("default", [ID]) == {ID: "job-1"}


def test_stores_of_their_own_share_nothing() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.upsert([ROW])
    assert other.count() == 0


def test_without_an_encoder_any_length_is_taken_but_not_a_matrix() -> None:
    store = MemoryStore()
    store.upsert([ROW])
    with pytest.raises(StoreError, match="2 finite numbers"):
        store.upsert([Row("default", ROW.record, np.zeros((2, 2), dtype=np.float32), "job-1")])


def test_a_row_has_room_for_all_that_an_upload_may_keep() -> None:
    # Tags of four-byte characters, and keys of characters that are stored as three bytes each.
    tags = [chr(0x1F400 + number) * TAG_CHARACTERS_MAX for number in range(TAGS_MAX)]
    keys = [f"{number:02}".ljust(KEY_CHARACTERS_MAX) for number in range(KEYS_MAX)]
    text = "x" * (METADATA_BYTES_MAX // KEYS_MAX - KEY_CHARACTERS_MAX)
    record = ROW.record.model_copy(update={"tags": tags, "metadata": dict.fromkeys(keys, text)})
    store = MemoryStore()
    store.upsert([replace(ROW, record=record)])
    assert store.get("default", [ID]) == [record]


def test_the_first_encoder_keeps_the_collection() -> None:
    collection = MemoryCollection()
    MemoryStore(Identity("one", "1", 2), collection).open()
    with pytest.raises(ModelMismatch, match=r"one \(revision 1, 2 dimensions\)"):
        MemoryStore(Identity("two", "1", 2), collection).open()


def test_a_vector_given_out_is_a_copy() -> None:
    store = MemoryStore()
    store.upsert([ROW])
    vector = store.vectors("default", [ID])[ID]
    vector[0] = 7
    assert store.vectors("default", [ID])[ID][0] == 1
