"""Job records and vector stores of every kind, for the suites that run over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.jobs.base import JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.store_clients import Clients, MemoryClients, MilvusClients
from worker.stores.base import VectorStore


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def jobs(request: pytest.FixtureRequest) -> Iterator[JobRecords]:
    if request.param == "memory":
        yield MemoryJobs()
        return
    client = connect(request.getfixturevalue(request.param).url)
    yield RedisJobs(client, ttl_s=600)
    client.close()


@pytest.fixture(scope="module", params=["memory", "milvus_lite", "milvus_server"])
def clients(request: pytest.FixtureRequest) -> Clients:
    """Each kind of store. Tests share a collection: a Milvus server takes seconds to make one."""
    if request.param == "memory":
        return MemoryClients()
    return MilvusClients(request.getfixturevalue(request.param).uri)


@pytest.fixture
def store(clients: Clients) -> Iterator[VectorStore]:
    clients.empty()
    store = clients.connect()
    store.open()
    yield store
    clients.close()
