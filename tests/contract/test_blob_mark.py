"""The blob folder's mark, in Valkey and on disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from redis import Redis

from common.blobs.folder import FolderBlobs
from common.blobs.mark import BlobMark, FolderMark
from common.errors import BlobsUnavailable, BrokerUnavailable
from common.redis.client import connect
from tests.support.clock import Clock
from tests.support.services import Valkey, free_port


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.delete("glimpse:blobs")
        yield client
        client.delete("glimpse:blobs")


def write(redis: Redis, root: Path) -> None:
    blobs = FolderBlobs(root, BlobMark(redis, FolderMark(root)).put)
    writer = blobs.writer("default")
    writer.write(b"data")
    writer.commit("ab" * 32)


def test_a_folder_is_known_once_something_was_stored(redis: Redis, tmp_path: Path) -> None:
    mark = BlobMark(redis, FolderMark(tmp_path / "blobs"))
    assert not mark.is_here()
    write(redis, tmp_path / "blobs")
    write(redis, tmp_path / "blobs")
    assert mark.is_here()


def test_an_empty_folder_in_its_place_is_another(redis: Redis, tmp_path: Path) -> None:
    """The volume is not mounted, but the API keeps running."""
    write(redis, tmp_path / "blobs")
    write(redis, tmp_path / "mount point")
    assert not BlobMark(redis, FolderMark(tmp_path / "mount point")).is_here()
    assert BlobMark(redis, FolderMark(tmp_path / "blobs")).is_here()


def test_an_emptied_redis_learns_the_mark_anew(redis: Redis, tmp_path: Path) -> None:
    write(redis, tmp_path)
    redis.delete("glimpse:blobs")
    assert not BlobMark(redis, FolderMark(tmp_path)).is_here()
    write(redis, tmp_path)
    assert BlobMark(redis, FolderMark(tmp_path)).is_here()


def test_a_process_that_lives_on_tells_an_emptied_redis_now_and_then(
    redis: Redis, tmp_path: Path
) -> None:
    clock = Clock()
    blobs = FolderBlobs(tmp_path, BlobMark(redis, FolderMark(tmp_path), clock.now).keep)
    blobs.writer("default").discard()
    redis.delete("glimpse:blobs")
    clock.sleep(9.9)
    blobs.writer("default").discard()
    assert not redis.exists("glimpse:blobs")
    clock.sleep(0.2)
    blobs.writer("default").discard()
    assert BlobMark(redis, FolderMark(tmp_path)).is_here()


def test_a_folder_that_went_away_is_not_marked_anew(redis: Redis, tmp_path: Path) -> None:
    """Redis loses its data while the volume is not mounted."""
    root, aside = tmp_path / "blobs", tmp_path / "aside"
    owner, late = BlobMark(redis, FolderMark(root)), BlobMark(redis, FolderMark(root))
    owner.put()
    root.rename(aside)
    root.mkdir()
    late.put()
    redis.delete("glimpse:blobs")
    for mark in (owner, late):
        mark.put()
        assert list(root.iterdir()) == []
        assert not redis.exists("glimpse:blobs")
    root.rmdir()
    aside.rename(root)
    late.put()
    assert BlobMark(redis, FolderMark(root)).is_here()


def test_a_mark_that_could_not_be_written_is_written_later(redis: Redis, tmp_path: Path) -> None:
    root, volume = tmp_path / "blobs", tmp_path / "volume"
    # A dangling link: the mark does not exist and cannot be written.
    root.symlink_to(volume)
    mark = BlobMark(redis, FolderMark(root))
    with pytest.raises(BlobsUnavailable):
        mark.put()
    volume.mkdir()
    mark.put()
    assert mark.is_here()


def test_a_worker_that_has_seen_the_mark_tells_it_an_emptied_redis(
    redis: Redis, tmp_path: Path
) -> None:
    write(redis, tmp_path)
    worker, stranger = BlobMark(redis, FolderMark(tmp_path)), BlobMark(redis, FolderMark(tmp_path))
    worker.note()
    redis.delete("glimpse:blobs")
    assert not stranger.is_here()
    assert worker.is_here()
    assert stranger.is_here()


def test_a_worker_tells_nothing_of_another_folder(redis: Redis, tmp_path: Path) -> None:
    root, aside = tmp_path / "blobs", tmp_path / "aside"
    write(redis, root)
    worker = BlobMark(redis, FolderMark(root))
    assert worker.is_here()
    root.rename(aside)
    redis.delete("glimpse:blobs")
    assert not worker.is_here()
    root.mkdir()
    (root / "glimpse-blobs").write_text("another mark")
    assert not worker.is_here()
    assert not redis.exists("glimpse:blobs")


def test_a_worker_goes_by_what_others_have_told_redis(redis: Redis, tmp_path: Path) -> None:
    write(redis, tmp_path)
    worker = BlobMark(redis, FolderMark(tmp_path))
    assert worker.is_here()
    redis.set("glimpse:blobs", "another mark")
    assert not worker.is_here()
    assert redis.get("glimpse:blobs") == "another mark"


def test_a_worker_looks_now_and_then_until_it_has_seen_the_mark(
    redis: Redis, tmp_path: Path
) -> None:
    clock = Clock()
    worker = BlobMark(redis, FolderMark(tmp_path), clock.now)
    worker.note()
    write(redis, tmp_path)
    for pause_s, is_seen in ((9.9, False), (0.2, True)):
        clock.sleep(pause_s)
        worker.note()
        redis.delete("glimpse:blobs")
        assert worker.is_here() == is_seen
        write(redis, tmp_path)


def test_processes_that_begin_at_once_agree(redis: Redis, tmp_path: Path) -> None:
    for number in range(10):
        redis.delete("glimpse:blobs")
        root = tmp_path / str(number)
        with ThreadPoolExecutor(8) as threads:
            list(
                threads.map(lambda _, root=root: BlobMark(redis, FolderMark(root)).put(), range(8))
            )
        assert BlobMark(redis, FolderMark(root)).is_here()


def test_threads_of_one_process_mark_a_new_folder_at_once(redis: Redis, tmp_path: Path) -> None:
    threads_at_once = 16
    for number in range(20):
        redis.delete("glimpse:blobs")
        root = tmp_path / str(number)
        mark = BlobMark(redis, FolderMark(root))
        begin = Barrier(threads_at_once)

        def keep(mark: BlobMark = mark, begin: Barrier = begin) -> None:
            begin.wait()
            mark.keep()

        with ThreadPoolExecutor(threads_at_once) as threads:
            for kept in [threads.submit(keep) for _ in range(threads_at_once)]:
                kept.result()
        assert [file.name for file in root.iterdir()] == ["glimpse-blobs"]
        assert mark.is_here()


def test_a_redis_that_is_away_is_told_and_asked_again(redis: Redis, tmp_path: Path) -> None:
    away = connect(f"redis://127.0.0.1:{free_port()}/0")
    blobs = FolderBlobs(tmp_path, BlobMark(away, FolderMark(tmp_path)).put)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            blobs.writer("default")
    with pytest.raises(BrokerUnavailable):
        BlobMark(away, FolderMark(tmp_path)).is_here()
    # The picture exists, so noting it raises no error.
    BlobMark(away, FolderMark(tmp_path)).note()
