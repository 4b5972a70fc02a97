"""Milvus Lite on a disk so fast that it runs several calls within a millisecond."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.services import MilvusLite
from tests.support.store_clients import MilvusClients, row
from worker.stores.base import VectorStore

# Without a pause after each write, a quarter of these lost a row, doubled it or missed it.
ROUNDS = 100

# Memory, in which Linux keeps files here.
_MEMORY = Path("/dev/shm")


@pytest.fixture
def store() -> Iterator[VectorStore]:
    require(MilvusLite)
    folder = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as made, MilvusLite(Path(made)) as lite:
        clients = MilvusClients(lite.uri)
        clients.empty()
        store = clients.connect()
        store.open()
        yield store
        clients.close()


def test_a_row_written_twice_at_once_is_the_newer_one(store: VectorStore) -> None:
    for number in range(ROUNDS):
        old = row(f"r{number}", 1)
        new = replace(row(f"r{number}", 2), job_id="job-2")
        store.upsert([old])
        store.upsert([new])
        assert store.get("default", [new.record.id]) == [new.record]
    assert store.count() == ROUNDS


def test_a_row_written_right_after_its_deletion_stays(store: VectorStore) -> None:
    written = row("a", 1)
    for _ in range(ROUNDS):
        store.upsert([written])
        assert store.delete("default", [written.record.id]) == 1
        assert store.get("default", [written.record.id]) == []
