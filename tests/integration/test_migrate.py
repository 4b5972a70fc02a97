"""`glimpse migrate`: from Milvus Lite to a server, while rows are written and deleted."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pymilvus import MilvusClient

from common.errors import CopyUnfinished
from common.heartbeats import Heartbeat, RedisHeartbeats
from common.redis.client import connect
from common.vector_index import IndexKind, VectorIndex
from tests.support.polling import wait_for
from tests.support.services import MilvusLite, MilvusServer, Valkey
from tests.support.services.forked import stand_in
from tests.support.store_clients import IDENTITY, many, row
from worker.stores.base import Row
from worker.stores.identity import Identity
from worker.stores.milvus.definition import Definition
from worker.stores.milvus.store import MilvusStore

FIRST, SECOND = "images__migrated_first", "images__migrated_second"
OTHER = Identity("other", "1", IDENTITY.dim)


class Migration:
    """Runs `glimpse migrate` between two Milvus."""

    def __init__(self, source: str, target: str, redis_url: str) -> None:
        self.target = target
        self.redis_url = redis_url
        self._environ = {
            **os.environ,
            "GLIMPSE_MILVUS_URI": source,
            "GLIMPSE_REDIS_URL": redis_url,
            "GLIMPSE_MILVUS_INDEX": "HNSW",
        }

    def start(self, *options: str, to: str = "") -> subprocess.Popen[str]:
        command = ["-m", "cli", "migrate", "--to", to or self.target, *options]
        return subprocess.Popen(
            [stand_in(), *command],
            env=self._environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *options: str, to: str = "") -> tuple[int, str]:
        process = self.start(*options, to=to)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output


@pytest.fixture
def client(milvus_server: MilvusServer) -> Iterator[MilvusClient]:
    client = MilvusClient(milvus_server.uri, timeout=60, dedicated=True)
    yield client
    for name in (FIRST, SECOND):
        client.drop_alias(f"{name}__copy")
        client.drop_collection(name)
    client.close()


@pytest.fixture
def source(milvus_lite: MilvusLite) -> Iterator[tuple[MilvusStore, MilvusStore]]:
    stores = (
        MilvusStore(milvus_lite.uri, "", FIRST, IDENTITY),
        MilvusStore(milvus_lite.uri, "", SECOND, OTHER),
    )
    yield stores
    client = MilvusClient(milvus_lite.uri, timeout=10, dedicated=True)
    for store, name in zip(stores, (FIRST, SECOND), strict=True):
        store.close()
        client.drop_collection(name)
    client.close()


@pytest.fixture
def migration(milvus_lite: MilvusLite, milvus_server: MilvusServer, valkey: Valkey) -> Migration:
    return Migration(milvus_lite.uri, milvus_server.uri, valkey.url)


def opened(uri: str, name: str, identity: Identity) -> MilvusStore:
    store = MilvusStore(uri, "", name, identity)
    store.open()
    return store


def as_text(rows: list[Row]) -> list[str]:
    return sorted(f"{each.tenant} {each.job_id} {each.record}" for each in rows)


def test_a_service_moves_while_it_is_used(
    source: tuple[MilvusStore, MilvusStore],
    migration: Migration,
    milvus_server: MilvusServer,
    client: MilvusClient,
    valkey: Valkey,
) -> None:
    first, second = source
    rows = many(700)
    for start in range(0, len(rows), 100):
        first.upsert(rows[start : start + 100])
    second.upsert([replace(each, tenant="acme") for each in rows[:50]])

    killed = migration.start()
    wait_for(lambda: client.has_collection(FIRST) or client.has_collection(SECOND), 120, "a copy")
    killed.kill()
    killed.communicate()

    # Resumed, while rows are written, replaced and deleted.
    resumed = migration.start()
    first.delete("default", [each.record.id for each in rows[:30]])
    first.upsert([replace(each, job_id="job-2") for each in rows[30:40]])
    first.upsert([row("new", 9000)])
    output, _ = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, output
    assert "--finish" in output.splitlines()[-1]

    # No worker serves what is not finished.
    with pytest.raises(CopyUnfinished, match="--finish"):
        opened(milvus_server.uri, FIRST, IDENTITY)

    # Nor does a migration finish while a worker runs.
    first.delete("default", [rows[50].record.id])
    first.upsert([row("last", 9001)])
    redis = connect(valkey.url)
    beat = Heartbeat(
        name="ingest@here.1",
        queue="ingest",
        model="hashing",
        revision="1",
        at=time.time(),
        until=time.time() + 600,
        inference_at=time.time(),
    )
    RedisHeartbeats(redis).beat(beat)
    status, output = migration.run("--finish")
    assert status != 0
    assert "ingest@here.1" in output
    RedisHeartbeats(redis).stop(beat.name)
    redis.close()

    status, output = migration.run("--finish")
    assert status == 0, output
    assert f"Set GLIMPSE_MILVUS_URI={milvus_server.uri}" in output.splitlines()[-1]

    ids = [each.record.id for each in rows] + [row("new").record.id, row("last").record.id]
    for store, name, tenant in ((first, FIRST, "default"), (second, SECOND, "acme")):
        moved = opened(milvus_server.uri, name, IDENTITY if name == FIRST else OTHER)
        assert moved.count() == store.count()
        here, there = store.rows(tenant, ids), moved.rows(tenant, ids)
        assert as_text(list(here.values())) == as_text(list(there.values()))
        assert all(there[at].vector.tolist() == here[at].vector.tolist() for at in here)
        assert client.describe_index(name, "vector")["index_type"] == "HNSW"
        moved.close()
    assert first.count() == 700 - 30 - 1 + 2

    # What is in use is no target any more.
    status, output = migration.run()
    assert status == 2
    assert "migration_refused" in output


def test_milvus_lite_is_no_target(
    source: tuple[MilvusStore, MilvusStore], migration: Migration, milvus_lite: MilvusLite
) -> None:
    source[0].open()
    status, output = migration.run(to=milvus_lite.uri)
    assert status == 2
    assert "Milvus server" in output


def test_an_index_is_changed_by_a_copy_into_another_database(
    migration: Migration, milvus_server: MilvusServer
) -> None:
    name = "images__other_index"
    store = MilvusStore(milvus_server.uri, "", name, IDENTITY, _indexed("IVF_FLAT"))
    store.upsert(many(3))
    other = f"{milvus_server.uri}/other"
    onward = Migration(milvus_server.uri, other, migration.redis_url)
    status, output = onward.run("--finish")
    assert status == 0, output
    client = MilvusClient(other, timeout=60, dedicated=True)
    assert client.describe_index(name, "vector")["index_type"] == "HNSW"
    client.close()
    moved = MilvusStore(other, "", name, IDENTITY, _indexed("HNSW"))
    assert moved.count() == store.count() == 3
    moved.close()
    store.close()


def _indexed(kind: IndexKind) -> Definition:
    return Definition(VectorIndex.of(kind))
