"""A backup from Milvus Lite that is restored into a Milvus server, and continues there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymilvus import MilvusClient

from common.read_marks.redis import RedisReadMarks
from common.redis.client import connect
from common.settings import Settings, load_settings
from tests.support.services import MilvusLite, MilvusServer, Valkey
from tests.support.store_clients import IDENTITY, many
from worker.backup import manifest as manifests
from worker.backup.backup import Backup
from worker.backup.folder import FolderRepository
from worker.backup.restore import Restore
from worker.backup.service import open_service
from worker.stores.copy import equal

NAME = "images__backed_up"


@pytest.fixture
def clean(milvus_lite: MilvusLite, milvus_server: MilvusServer) -> Iterator[None]:
    yield
    for uri in (milvus_lite.uri, milvus_server.uri):
        client = MilvusClient(uri, timeout=30, dedicated=True)
        client.drop_collection(NAME)
        client.close()


def settings(milvus: MilvusLite | MilvusServer, valkey: Valkey, db: int, blobs: Path) -> Settings:
    return load_settings(
        {
            "GLIMPSE_REDIS_URL": valkey.url.replace("/0", f"/{db}"),
            "GLIMPSE_MILVUS_URI": milvus.uri,
            "GLIMPSE_BLOBS_DIR": str(blobs),
            "GLIMPSE_BLOBS_FSYNC": "false",
        }
    )


def show(title: str, rows: int) -> Callable[[int], None]:
    return lambda _: None


def test_rows_are_the_same_in_a_server(
    milvus_lite: MilvusLite,
    milvus_server: MilvusServer,
    valkey: Valkey,
    clean: None,
    tmp_path: Path,
) -> None:
    before = open_service(settings(milvus_lite, valkey, 0, tmp_path / "a"), writes=True)
    before.models.adopt(IDENTITY.encoder)
    store, rows = before.create(NAME, IDENTITY), many(300)
    store.upsert(rows)
    for row in rows:
        # The ids of these rows are those of their names.
        number = row.record.filename.removesuffix(".jpg")
        writer = before.blobs.writer(row.tenant)
        writer.write(number.encode())
        writer.commit(row.record.id)
    repository = FolderRepository(tmp_path / "backups")
    name, found = Backup(before, repository, show).run()
    assert (found.images, found.missing) == (300, 0)

    after_settings = settings(milvus_server, valkey, 1, tmp_path / "b")
    after = open_service(after_settings, writes=True)
    Restore(after, repository, name, show).run()
    restored = after.create(NAME, IDENTITY)
    there = restored.rows("default", [row.record.id for row in rows])
    assert all(equal(row, there[row.record.id]) for row in rows)
    assert restored.count() == 300
    assert after.models.roles().active == IDENTITY.encoder
    # Reads as of the mark see all of it.
    with connect(after_settings.redis) as redis:
        mark = restored.read_mark(fresh=True)
        assert mark is not None
        marks = RedisReadMarks(redis)
        marks.establish(mark._replace(time="0" * 20), marks.read().epoch)
        assert "0" * 20 < marks.read().times[mark.collection] <= mark.time

    # The server's backup continues Lite's: its rows have the same versions.
    again = Backup(after, repository, show)
    again.run()
    assert (again.objects.written, len(manifests.names(repository))) == (0, 2)
