"""Why the tenant is not Milvus's partition key: the failures it causes (decision 0015)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymilvus import CollectionSchema, MilvusClient, MilvusException

from common.vector_index import VectorIndex
from tests.support.services import MilvusLite, MilvusServer
from tests.support.store_clients import IDENTITY, row
from worker.stores.milvus.client import is_lite
from worker.stores.milvus.entities import to_entity
from worker.stores.milvus.filter import expression
from worker.stores.milvus.index import index_params
from worker.stores.milvus.schema import collection_schema

COLLECTION = "images__partitioned"


def partitioned() -> CollectionSchema:
    """Return the collection's schema, with the tenant as its partition key."""
    return collection_schema(IDENTITY, partition_key=True)


def opened(uri: str, schema: CollectionSchema) -> Iterator[MilvusClient]:
    client = MilvusClient(uri, timeout=30, dedicated=True)
    index = VectorIndex.of("FLAT" if is_lite(client) else "AUTOINDEX")
    client.create_collection(COLLECTION, schema=schema, index_params=index_params(index))
    yield client
    client.drop_collection(COLLECTION)
    client.close()


@pytest.fixture
def server(milvus_server: MilvusServer) -> Iterator[MilvusClient]:
    yield from opened(milvus_server.uri, partitioned())


@pytest.fixture
def lite(milvus_lite: MilvusLite) -> Iterator[MilvusClient]:
    yield from opened(milvus_lite.uri, partitioned())


def keys(client: MilvusClient, condition: str) -> list[Any]:
    rows = client.query(
        COLLECTION, filter=condition, output_fields=["key"], consistency_level="Strong"
    )
    return [row["key"] for row in rows]


def test_milvus_lite_takes_no_condition_on_it(lite: MilvusClient) -> None:
    lite.upsert(COLLECTION, [to_entity(row("a"))])
    with pytest.raises(MilvusException, match="tenant"):
        keys(lite, expression("default"))


def test_milvus_2_3_puts_what_is_upserted_into_another_partition(server: MilvusClient) -> None:
    server.upsert(COLLECTION, [to_entity(row("a"))])
    assert keys(server, 'tenant != ""') == [to_entity(row("a"))["key"]]
    assert keys(server, expression("default")) == []
