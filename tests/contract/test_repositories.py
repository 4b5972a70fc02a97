"""Contract tests for the places of backups: a folder, a bucket, and memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.blobs.bucket import Bucket
from common.errors import BackupRefused, BlobsMisconfigured
from tests.support.services import SeaweedFS
from tests.support.services.seaweedfs import BUCKET, READER_KEY, READER_SECRET
from worker.backup.bucket import BucketRepository
from worker.backup.folder import FolderRepository
from worker.backup.memory import MemoryRepository
from worker.backup.repository import Repository

NAME = f"objects/ab/{'ab' * 32}"


@pytest.fixture(params=["memory", "folder", "bucket"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    makers: dict[str, Callable[[], Repository]] = {
        "memory": MemoryRepository,
        "folder": lambda: FolderRepository(tmp_path / "backups" / "glimpse"),
        "bucket": lambda: BucketRepository(request.getfixturevalue("bucket")),
    }
    repository = makers[request.param]()
    repository.prepare(writes=True)
    return repository


def test_objects_are_read_as_they_were_written(repository: Repository) -> None:
    assert repository.get(NAME) is None
    repository.put(NAME, b"one")
    repository.put(NAME, b"two")
    repository.put("backups/first.json", b"{}")
    repository.flush()
    assert repository.get(NAME) == b"two"
    assert repository.get("backups/first.json") == b"{}"


def test_the_names_of_a_folder_are_listed(repository: Repository) -> None:
    assert list(repository.names("objects/ab")) == []
    for name in ("objects/ab/one", "objects/ab/two", "objects/abc/three", "objects/four"):
        repository.put(name, b"data")
    repository.put("objects/ab/empty", b"")
    assert sorted(repository.names("objects/ab")) == ["one", "two"]


def test_what_is_there_stays_when_it_is_prepared_again(repository: Repository) -> None:
    repository.put(NAME, b"one")
    repository.prepare(writes=True)
    repository.prepare(writes=False)
    assert repository.get(NAME) == b"one"


def test_reading_creates_no_folder(tmp_path: Path) -> None:
    repository = FolderRepository(tmp_path / "absent")
    repository.prepare(writes=False)
    assert list(repository.names("backups")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_killed_backup_leaves_no_half_object(tmp_path: Path) -> None:
    killed = os.fork()
    if not killed:
        file = FolderRepository(tmp_path)
        file._incoming.folder().joinpath("half").write_bytes(b"half")
        os._exit(0)
    os.waitpid(killed, 0)
    assert list(tmp_path.rglob("half"))
    FolderRepository(tmp_path).prepare(writes=True)
    assert list(tmp_path.rglob("half")) == []


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (Path("/proc/glimpse"), tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(BackupRefused, match=f"No folder {folder} can be created"):
            FolderRepository(folder).prepare(writes=True)


def test_a_bucket_that_does_not_exist_is_named(bucket: Bucket) -> None:
    bucket.name = "absent"
    for writes in (True, False):
        with pytest.raises(BlobsMisconfigured, match=r"s3://absent/.*There is no such bucket"):
            BucketRepository(bucket).prepare(writes=writes)


def test_missing_rights_are_named(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in seaweedfs.settings("").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER_SECRET)
    reader = BucketRepository(Bucket(BUCKET, "reader/"))
    reader.prepare(writes=False)
    with pytest.raises(BlobsMisconfigured, match="s3:PutObject"):
        reader.prepare(writes=True)
