"""A Milvus to measure, and a store in a new collection."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymilvus import MilvusClient

from tests.support.services import MilvusLite, MilvusServer
from worker.stores.identity import Identity
from worker.stores.milvus.store import MilvusStore

# The kinds of Milvus to measure: Milvus Lite, the default, and a server.
LITE = "lite"
SERVERS: dict[str, type[MilvusLite] | type[MilvusServer]] = {
    LITE: MilvusLite,
    "milvus": MilvusServer,
}


@contextmanager
def served(server: str, uri: str | None) -> Iterator[str]:
    """Yield the given address, or that of a newly started server."""
    if uri is not None:
        yield uri
        return
    with tempfile.TemporaryDirectory() as folder, SERVERS[server](Path(folder)) as service:
        yield service.uri


@contextmanager
def new_collection(address: str) -> Iterator[str]:
    """Yield an unused collection name, and drop the collection afterwards."""
    name = f"benchmark_{time.time_ns()}"
    try:
        yield name
    finally:
        client = MilvusClient(address, timeout=10, dedicated=True)
        client.drop_collection(name)
        client.close()


@contextmanager
def new_store(address: str, name: str, dim: int) -> Iterator[MilvusStore]:
    """Yield an open store on the named collection."""
    store = MilvusStore(address, "", name, Identity("benchmark", "1", dim))
    store.open()
    try:
        yield store
    finally:
        store.close()
