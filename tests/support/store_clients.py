"""Clients of each kind of store, for the store contract tests."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from common.contract import ImageRecord
from worker.stores.base import Row, VectorStore
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore
from worker.stores.milvus.lite_clock import wait_until_past
from worker.stores.milvus.store import MilvusStore

# The length of ViT-B/32's vectors, so that messages have a realistic size.
DIM = 512
IDENTITY = Identity("hashing", "1", DIM)
COLLECTION = "images__test"


class Clients(Protocol):
    """Creates stores on the same collection, one per simulated worker."""

    def connect(self, identity: Identity = IDENTITY, collection: str = COLLECTION) -> VectorStore:
        """Return another client, not yet open."""
        ...

    def empty(self) -> None:
        """Delete all rows of the shared collection."""
        ...

    def drop(self, collection: str) -> None:
        """Drop a collection."""
        ...

    def close(self) -> None:
        """Close every client created."""
        ...


class MemoryClients:
    """Clients of in-memory collections."""

    def __init__(self) -> None:
        self.collections: dict[str, MemoryCollection] = defaultdict(MemoryCollection)
        # Two threads that connect to a new collection get the same one.
        self._connecting = threading.Lock()

    def connect(self, identity: Identity = IDENTITY, collection: str = COLLECTION) -> VectorStore:
        with self._connecting:
            shared = self.collections[collection]
        return MemoryStore(identity, shared)

    def empty(self) -> None:
        self.collections.clear()

    def drop(self, collection: str) -> None:
        dropped, new = self.collections[collection], MemoryCollection()
        dropped.identity, dropped.rows, dropped.mark = None, new.rows, new.mark

    def close(self) -> None:
        """Do nothing; there are no resources to release."""


class MilvusClients:
    """Clients of a running Milvus."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._made: list[MilvusStore] = []

    def connect(self, identity: Identity = IDENTITY, collection: str = COLLECTION) -> VectorStore:
        store = MilvusStore(self.uri, "", collection, identity)
        self._made.append(store)
        return store

    def empty(self) -> None:
        client = MilvusClient(self.uri, timeout=10, dedicated=True)
        if client.has_collection(COLLECTION):
            rows = client.query(
                COLLECTION, filter='tenant != ""', output_fields=["key"], consistency_level="Strong"
            )
            if rows:
                client.delete(COLLECTION, ids=[row["key"] for row in rows])
                wait_until_past()
        client.close()

    def drop(self, collection: str) -> None:
        client = MilvusClient(self.uri, timeout=10, dedicated=True)
        client.drop_collection(collection)
        client.close()

    def close(self) -> None:
        while self._made:
            self._made.pop().close()


def image_id(name: str) -> str:
    """Return the id of an image whose bytes are the name."""
    return hashlib.sha256(name.encode()).hexdigest()


def unit(seed: int) -> NDArray[np.float32]:
    """Return a random unit vector: float32 [DIM]."""
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def row(name: str, seed: int = 0, **changes: object) -> Row:
    """Return a row with an ordinary record, with changes applied."""
    record = ImageRecord(
        id=image_id(name),
        filename=f"{name}.jpg",
        bytes=1234,
        width=640,
        height=480,
        format="JPEG",
        indexed_at="2026-01-31T12:00:00.125Z",
    )
    return Row("default", record.model_copy(update=changes), unit(seed), "job-1")


def many(count: int) -> list[Row]:
    """Return ``count`` rows with distinct vectors."""
    return [row(f"image {number}", number) for number in range(count)]


def found(store: VectorStore, row: Row) -> bool:
    """Return whether a search by a row's own vector ranks it first."""
    hits = store.search(row.tenant, row.vector, limit=1)
    return bool(hits) and hits[0].id == row.record.id and hits[0].score > 0.99
