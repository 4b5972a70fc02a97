"""Behaviour of a vector store during and after an outage of its Milvus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from pymilvus import MilvusClient

from common.errors import ModelMismatch, StoreUnavailable
from tests.conftest import require
from tests.support.services import MilvusLite, MilvusServer, free_port
from tests.support.store_clients import COLLECTION, IDENTITY, found, row, unit
from worker.stores.base import Row, VectorStore
from worker.stores.milvus.store import MilvusStore

T = TypeVar("T")

# Seconds to wait until a store works again; a loop's limit, which no test asserts.
_BACK_S = 90
TOKEN = "root:Very-Secret-1"

# Every method of a store, called as its callers do.
CALLS: dict[str, Callable[[VectorStore], object]] = {
    "open": lambda store: store.open(),
    "ping": lambda store: store.ping(),
    "upsert": lambda store: store.upsert([row("b")]),
    "search": lambda store: store.search("default", unit(0), limit=10),
    "get": lambda store: store.get("default", [row("a").record.id]),
    "page": lambda store: store.page("default", 10),
    "vectors": lambda store: store.vectors("default", [row("a").record.id]),
    "known": lambda store: store.known("default", [row("a").record.id]),
    "named": lambda store: store.named("default", [row("a").record.id]),
    "delete": lambda store: store.delete("default", [row("a").record.id]),
    "count": lambda store: store.count(),
}


@pytest.fixture(scope="module", params=[MilvusLite, MilvusServer], ids=lambda part: part.__name__)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusLite | MilvusServer]:
    """A Milvus that tests may kill; each test leaves it running."""
    require(request.param)
    with request.param(tmp_path_factory.mktemp("mortal")) as service:
        yield service


@pytest.fixture
def store(service: MilvusLite | MilvusServer) -> Iterator[MilvusStore]:
    store = MilvusStore(service.uri, "", COLLECTION, IDENTITY)
    store.open()
    yield store
    store.close()


def when_back(call: Callable[[], T]) -> T:
    """Retry a call while it raises ``StoreUnavailable``; return its result."""
    deadline = time.monotonic() + _BACK_S
    while True:
        try:
            return call()
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_where_nothing_listens_every_call_says_so(call: Callable[[VectorStore], object]) -> None:
    port = free_port()
    store = MilvusStore(f"http://user:{TOKEN}@127.0.0.1:{port}", TOKEN, COLLECTION, IDENTITY)
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}") as raised:
        call(store)
    assert "Very-Secret" not in repr(raised.getrepr(chain=True))
    assert "Very-Secret" not in repr(vars(raised.value))


def test_a_killed_milvus_loses_nothing_and_the_same_store_works_again(
    service: MilvusLite | MilvusServer, store: MilvusStore
) -> None:
    acknowledged: list[Row] = []
    many_written = threading.Event()

    def write() -> None:
        for number in range(100_000):
            written = row(f"written {number}", number)
            try:
                store.upsert([written])
            except StoreUnavailable:
                return
            acknowledged.append(written)
            if len(acknowledged) == 100:
                many_written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert many_written.wait(_BACK_S)
    service.kill()
    writer.join(_BACK_S)
    assert not writer.is_alive()
    for name, call in CALLS.items():
        # An open store needs no Milvus to open again: its connection recovers.
        if name != "open":
            with pytest.raises(StoreUnavailable):
                call(store)
    service.start()
    assert when_back(lambda: found(store, acknowledged[-1]))
    ids = [row.record.id for row in acknowledged]
    assert store.get("default", ids) == [row.record for row in acknowledged]


def test_a_stopped_milvus_keeps_its_rows(
    service: MilvusLite | MilvusServer, store: MilvusStore
) -> None:
    written = row("kept", 5000)
    store.upsert([written])
    service.stop()
    service.start()
    assert when_back(lambda: found(store, written))


def test_a_milvus_that_hangs_is_not_waited_for_without_end(
    service: MilvusLite | MilvusServer, store: MilvusStore
) -> None:
    service.suspend()
    try:
        with pytest.raises(StoreUnavailable):
            store.ping()
        with pytest.raises(StoreUnavailable):
            MilvusStore(service.uri, "", COLLECTION, IDENTITY).open()
    finally:
        service.resume()
    when_back(store.ping)
    assert when_back(store.count) >= 0


def test_a_collection_that_was_dropped_is_made_again(
    service: MilvusLite | MilvusServer, store: MilvusStore
) -> None:
    other = MilvusClient(service.uri, timeout=10, dedicated=True)
    when_back(store.count)
    other.drop_collection(COLLECTION)
    other.close()
    written = row("new", 1)
    when_back(lambda: store.upsert([written]))
    assert when_back(lambda: found(store, written))
    assert store.count() == 1


def test_a_collection_that_is_not_ours_is_refused(
    service: MilvusLite | MilvusServer,
) -> None:
    client = MilvusClient(service.uri, timeout=10, dedicated=True)
    client.create_collection("not_ours", dimension=8, id_type="string", max_length=64)
    client.close()
    with pytest.raises(ModelMismatch, match="not_ours"):
        MilvusStore(service.uri, "", "not_ours", IDENTITY).open()
