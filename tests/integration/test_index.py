"""The definition of a collection, on the real Milvus server and on Milvus Lite."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest
from pymilvus import MilvusClient

from common.errors import IndexUnsupported
from common.settings import load_settings
from common.vector_index import IndexKind, VectorIndex
from tests.support.services import MilvusLite, MilvusServer, free_port
from tests.support.store_clients import IDENTITY, found, many
from worker.stores.milvus import diagnosis
from worker.stores.milvus.definition import Definition
from worker.stores.milvus.store import MilvusStore

_numbers = itertools.count()

# Enough rows that the server builds an index over them once they are flushed: it does so from
# 1,024 rows on.
ROWS = 1200


@pytest.fixture
def client(milvus_server: MilvusServer) -> Iterator[MilvusClient]:
    client = MilvusClient(milvus_server.uri, timeout=60, dedicated=True)
    yield client
    client.close()


@pytest.fixture
def name(client: MilvusClient) -> Iterator[str]:
    name = f"images__index_{next(_numbers)}"
    yield name
    client.drop_collection(name)


def opened(uri: str, name: str, definition: Definition) -> MilvusStore:
    store = MilvusStore(uri, "", name, IDENTITY, definition)
    store.open()
    return store


def indexed(kind: IndexKind, **parameters: int) -> Definition:
    return Definition(VectorIndex.of(kind, parameters))


@pytest.mark.parametrize(
    "definition",
    [
        indexed("HNSW", M=8, efConstruction=64),
        indexed("IVF_FLAT", nlist=16, nprobe=16),
        indexed("SCANN", nlist=16, nprobe=16),
    ],
    ids=lambda definition: definition.index.kind,
)
def test_rows_are_found_with_the_configured_index(
    milvus_server: MilvusServer, client: MilvusClient, name: str, definition: Definition
) -> None:
    store = opened(milvus_server.uri, name, definition)
    rows = many(ROWS)
    store.upsert(rows)
    client.flush(name)
    described = client.describe_index(name, "vector")
    assert described["index_type"] == definition.index.kind
    assert all(int(described[key]) == value for key, value in definition.index.build.items())
    assert all(found(store, row) for row in rows[::100])
    # A deep page needs more candidates than the settings say.
    assert len(store.nearest("default", rows[0].vector, 500)) == 500
    store.close()


def test_fields_of_filters_are_indexed_also_in_an_existing_collection(
    milvus_server: MilvusServer, client: MilvusClient, name: str
) -> None:
    opened(milvus_server.uri, name, Definition()).close()
    assert set(client.list_indexes(name)) == {"vector", "tenant", "indexed_at"}
    client.release_collection(name)
    client.drop_index(name, "tenant")
    store = opened(milvus_server.uri, name, Definition())
    assert set(client.list_indexes(name)) == {"vector", "tenant", "indexed_at"}
    (row,) = many(1)
    store.upsert([row])
    assert found(store, row)
    store.close()


def test_shards_and_mapping_from_disk_are_those_of_the_settings(
    milvus_server: MilvusServer, client: MilvusClient, name: str
) -> None:
    opened(milvus_server.uri, name, Definition(mmap=True, shards=2)).close()
    described = client.describe_collection(name)
    assert described["num_shards"] == 2
    assert described["properties"]["mmap.enabled"] == "true"


def test_an_existing_collection_keeps_its_index_and_the_log_says_so(
    milvus_server: MilvusServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(milvus_server.uri, name, indexed("HNSW"))
    (row,) = many(1)
    first.upsert([row])
    first.close()
    with caplog.at_level(logging.WARNING):
        other = opened(milvus_server.uri, name, indexed("IVF_FLAT"))
    assert "store.index_differs" in caplog.text
    assert "HNSW" in caplog.text
    assert found(other, row)
    other.close()


@pytest.mark.parametrize(
    "definition", [indexed("IVF_RABITQ"), indexed("DISKANN"), Definition(partition_key=True)]
)
def test_the_old_server_refuses_what_it_lacks_and_creates_nothing(
    milvus_server: MilvusServer, client: MilvusClient, name: str, definition: Definition
) -> None:
    with pytest.raises(IndexUnsupported, match="Milvus v2"):
        opened(milvus_server.uri, name, definition)
    assert not client.has_collection(name)


def test_milvus_lite_has_one_kind_of_index(milvus_lite: MilvusLite) -> None:
    with pytest.raises(IndexUnsupported, match="GLIMPSE_MILVUS_INDEX=HNSW"):
        opened(milvus_lite.uri, "images__index_lite", indexed("HNSW"))


@pytest.mark.parametrize("kind", ["server", "lite"])
def test_a_healthy_milvus_has_no_trouble(
    milvus_server: MilvusServer,
    milvus_lite: MilvusLite,
    name: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The machine may be busy.
    monkeypatch.setattr(diagnosis, "_STRONG_S_MAX", 10)
    uri = milvus_server.uri if kind == "server" else milvus_lite.uri
    store = opened(uri, name, Definition())
    store.upsert(many(3))
    store.close()
    found = {
        each.check: each for each in diagnosis.diagnose(load_settings({"GLIMPSE_MILVUS_URI": uri}))
    }
    assert {each.level for each in found.values()} == {"ok"}
    assert ("Milvus Lite" in found["answers"].text) == (kind == "lite")
    assert ": 3 rows" in found[f"collection of {IDENTITY.encoder}"].text


def test_a_collection_that_is_not_loaded_is_a_warning(
    milvus_server: MilvusServer, client: MilvusClient, name: str
) -> None:
    opened(milvus_server.uri, name, Definition()).close()
    client.release_collection(name)
    found = diagnosis.diagnose(load_settings({"GLIMPSE_MILVUS_URI": milvus_server.uri}))
    troubles = [each.level for each in found if each.level != "ok"]
    assert troubles == ["warning"]


def test_a_milvus_that_does_not_answer_is_an_error() -> None:
    found = diagnosis.diagnose(
        load_settings({"GLIMPSE_MILVUS_URI": f"http://127.0.0.1:{free_port()}"})
    )
    assert [each.level for each in found] == ["error"]
