"""What is asked of Milvus versions that cannot run here: see ``support/recorded_milvus.py``."""

from __future__ import annotations

import pytest
from pymilvus.grpc_gen import schema_pb2

from common.errors import IndexUnsupported
from common.vector_index import VectorIndex
from tests.support.recorded_milvus import recorded_milvus
from tests.support.store_clients import IDENTITY
from worker.stores.milvus.definition import Definition
from worker.stores.milvus.store import MilvusStore

NAME = "images__recorded"


def opened(uri: str, definition: Definition) -> None:
    store = MilvusStore(uri, "", NAME, IDENTITY, definition)
    store.open()
    store.close()


@pytest.mark.parametrize("version", ["v2.4.0", "2.6.19", "v3.0.1"])
def test_the_tenant_is_the_partition_key_where_upserts_respect_it(version: str) -> None:
    with recorded_milvus(version) as (uri, server):
        opened(uri, Definition(partition_key=True))
    schema = schema_pb2.CollectionSchema.FromString(server.created[NAME].schema)
    assert [field.name for field in schema.fields if field.is_partition_key] == ["tenant"]


@pytest.mark.parametrize("version", ["v2.3.5", "2.3.22"])
def test_an_older_version_gets_no_partition_key(version: str) -> None:
    with recorded_milvus(version) as (uri, server):
        with pytest.raises(IndexUnsupported, match="GLIMPSE_MILVUS_PARTITION_KEY"):
            opened(uri, Definition(partition_key=True))
        assert not server.created
        opened(uri, Definition())
    schema = schema_pb2.CollectionSchema.FromString(server.created[NAME].schema)
    assert not any(field.is_partition_key for field in schema.fields)


def test_a_collection_is_laid_out_by_its_definition() -> None:
    definition = Definition(VectorIndex.of("IVF_RABITQ", {"nlist": 64}), True, 4, 2)
    with recorded_milvus("2.6.19") as (uri, server):
        opened(uri, definition)
        # A loaded collection is not loaded again.
        opened(uri, definition)
    created = server.created[NAME]
    assert created.shards_num == 4
    assert {each.key: each.value for each in created.properties}["mmap.enabled"] == "true"
    assert server.indexes["vector"]["index_type"] == "IVF_RABITQ"
    assert server.indexes["vector"]["nlist"] == "64"
    assert server.indexes["vector"]["refine_type"] == "SQ8"
    assert {field: each["index_type"] for field, each in server.indexes.items()} == {
        "vector": "IVF_RABITQ",
        "tenant": "INVERTED",
        "indexed_at": "INVERTED",
        "tags": "INVERTED",
    }
    assert [load.replica_number for load in server.loads] == [2]
