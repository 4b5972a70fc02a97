"""The mark of a blob folder, in Valkey and on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from common.blobs.folder import FolderBlobs
from common.blobs.mark import BlobMark
from common.errors import BrokerUnavailable
from common.redis_client import connect
from tests.services import Valkey, free_port


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.delete("glimpse:blobs")
        yield client
        client.delete("glimpse:blobs")


def write(redis: Redis, root: Path) -> None:
    blobs = FolderBlobs(root, BlobMark(redis, root).put)
    writer = blobs.writer("default")
    writer.write(b"data")
    writer.commit("ab" * 32)


def test_a_folder_is_known_once_something_was_stored(redis: Redis, tmp_path: Path) -> None:
    mark = BlobMark(redis, tmp_path / "blobs")
    assert not mark.is_here()
    write(redis, tmp_path / "blobs")
    write(redis, tmp_path / "blobs")
    assert mark.is_here()


def test_an_empty_folder_in_its_place_is_another(redis: Redis, tmp_path: Path) -> None:
    """The volume is not mounted, and the API goes on all the same."""
    write(redis, tmp_path / "blobs")
    write(redis, tmp_path / "mount point")
    assert not BlobMark(redis, tmp_path / "mount point").is_here()
    assert BlobMark(redis, tmp_path / "blobs").is_here()


def test_an_emptied_redis_learns_the_mark_anew(redis: Redis, tmp_path: Path) -> None:
    write(redis, tmp_path)
    redis.delete("glimpse:blobs")
    assert not BlobMark(redis, tmp_path).is_here()
    write(redis, tmp_path)
    assert BlobMark(redis, tmp_path).is_here()


def test_processes_that_begin_at_once_agree(redis: Redis, tmp_path: Path) -> None:
    for number in range(10):
        redis.delete("glimpse:blobs")
        root = tmp_path / str(number)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _, root=root: BlobMark(redis, root).put(), range(8)))
        assert BlobMark(redis, root).is_here()


def test_a_redis_that_is_away_is_told_and_asked_again(redis: Redis, tmp_path: Path) -> None:
    away = connect(f"redis://127.0.0.1:{free_port()}/0")
    blobs = FolderBlobs(tmp_path, BlobMark(away, tmp_path).put)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            blobs.writer("default")
    with pytest.raises(BrokerUnavailable):
        BlobMark(away, tmp_path).is_here()
