"""Contract tests for blob stores: a folder, a bucket of a real object store, and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.blobs.base import BlobStore
from common.blobs.bucket import Bucket
from common.blobs.folder import FolderBlobs
from common.blobs.memory import MemoryBlobs
from common.blobs.s3 import S3Blobs
from common.blocking import run_by
from common.errors import BlobsFull, BlobsUnavailable, NotFound

ID = "ab" * 32


@pytest.fixture(params=["memory", "folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "s3":
        return S3Blobs(request.getfixturevalue("bucket"))
    return MemoryBlobs() if request.param == "memory" else FolderBlobs(tmp_path / "blobs")


def put(blobs: BlobStore, data: bytes, tenant: str = "default", blob_id: str = ID) -> None:
    writer = blobs.writer(tenant)
    writer.write(data)
    writer.commit(blob_id)


def test_what_was_written_is_read(blobs: BlobStore) -> None:
    writer = blobs.writer("default")
    assert writer.write(b"first ") == 6
    writer.write(b"second")
    writer.seal()
    writer.commit(ID)
    assert blobs.read("default", ID) == b"first second"
    with blobs.open("default", ID) as file:
        assert file.read(5) == b"first"


def test_nobody_sees_a_blob_before_it_is_whole(blobs: BlobStore) -> None:
    writer = blobs.writer("default")
    writer.write(b"half")
    with pytest.raises(NotFound):
        blobs.read("default", ID)
    writer.discard()


def test_discarding_after_commit_does_nothing(blobs: BlobStore) -> None:
    writer = blobs.writer("default")
    writer.write(b"kept")
    writer.commit(ID)
    writer.discard()
    assert blobs.read("default", ID) == b"kept"


def test_blobs_that_are_old_enough_go(blobs: BlobStore) -> None:
    put(blobs, b"mine")
    put(blobs, b"yours", "other")
    blobs.expire(60)
    assert blobs.read("default", ID) == b"mine"
    # A negative age puts the cutoff one second in the future, so new blobs expire too.
    blobs.expire(-1)
    for tenant in ("default", "other"):
        with pytest.raises(NotFound):
            blobs.read(tenant, ID)
    blobs.expire(-1)


def test_a_blob_that_is_being_written_does_not_expire(blobs: BlobStore) -> None:
    writer = blobs.writer("default")
    writer.write(b"slow")
    blobs.expire(-1)
    writer.commit(ID)
    assert blobs.read("default", ID) == b"slow"


def test_a_blob_that_came_again_is_new(blobs: BlobStore) -> None:
    put(blobs, b"same")
    if isinstance(blobs, FolderBlobs):
        os.utime(blobs.path("default", ID), (0, 0))
    put(blobs, b"same")
    blobs.expire(60)
    assert blobs.read("default", ID) == b"same"


def test_the_same_blob_may_come_again(blobs: BlobStore) -> None:
    put(blobs, b"same")
    put(blobs, b"same")
    assert blobs.read("default", ID) == b"same"


def test_a_tenant_sees_only_its_own(blobs: BlobStore) -> None:
    put(blobs, b"mine", "mine")
    with pytest.raises(NotFound, match=ID):
        blobs.open("yours", ID)


def test_renditions_are_kept_beside_their_blob(blobs: BlobStore) -> None:
    put(blobs, b"data")
    assert blobs.rendition("default", ID, "256.jpg") is None
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    assert blobs.rendition("default", ID, "256.jpg") == b"small"


def test_a_deleted_blob_takes_its_renditions_along(blobs: BlobStore) -> None:
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    blobs.delete("default", ID)
    blobs.delete("default", ID)
    assert blobs.rendition("default", ID, "256.jpg") is None
    with pytest.raises(NotFound):
        blobs.read("default", ID)


def test_a_discarded_upload_leaves_no_file(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    writer = blobs.writer("default")
    writer.write(b"half")
    writer.discard()
    assert files(tmp_path) == []


def test_what_a_killed_process_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from common.blobs.folder import FolderBlobs
writer = FolderBlobs(Path(sys.argv[1])).writer("default")
writer.write(b"half")
writer.seal()
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(command, cwd=root, check=False).returncode == -9
    living = FolderBlobs(tmp_path)
    writer = living.writer("default")
    writer.write(b"mine")
    writer.seal()
    assert len(files(tmp_path)) == 2
    FolderBlobs(tmp_path).sweep()
    assert len(files(tmp_path)) == 1
    writer.commit(ID)
    assert living.read("default", ID) == b"mine"


def test_sweeping_where_nothing_is_does_nothing(blobs: BlobStore) -> None:
    blobs.sweep()
    put(blobs, b"kept")
    blobs.sweep()
    assert blobs.read("default", ID) == b"kept"


def files(folder: Path) -> list[Path]:
    """Return finished and partial blob files, without lock files."""
    found = folder.rglob("*")
    return [path for path in found if path.is_file() and path.suffix != ".lock"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(BlobsUnavailable, match="blob folder"):
        FolderBlobs(tmp_path / "blobs").writer("default")


def test_a_disk_without_room_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    writer = FolderBlobs(tmp_path).writer("default")
    writer._file.close()
    # Writes to /dev/full always fail with ENOSPC.
    writer._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    with pytest.raises(BlobsFull, match=r"is full: No space left.* then try again"):
        writer.write(b"data")
    writer.discard()
    assert issubclass(BlobsFull, BlobsUnavailable)
    assert files(tmp_path) == []


def test_a_disk_that_takes_a_part_only_is_told_and_leaves_no_blob(tmp_path: Path) -> None:
    # RLIMIT_FSIZE makes the kernel write only part of the data, as a full disk does.
    program = """
import resource, signal, sys
from pathlib import Path
from common.blobs.folder import FolderBlobs
from common.errors import BlobsUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
writer = FolderBlobs(Path(sys.argv[1])).writer("default")
try:
    writer.write(bytes(100_000))
except BlobsUnavailable as error:
    writer.discard()
    print(error)
"""
    root = Path(__file__).parent.parent.parent
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert "The blob folder cannot be used" in found.stdout
    assert files(tmp_path) == []


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files and folders that are flushed to the disk, in order."""
    paths: list[str] = []

    def fsync(handle: int, really: Callable[[int], None] = os.fsync) -> None:
        paths.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_a_blob_is_flushed_before_it_is_accepted(tmp_path: Path, flushed: list[str]) -> None:
    blobs = FolderBlobs(tmp_path, fsync=True)
    put(blobs, b"data")
    original = blobs.path("default", ID)
    # Its bytes, then its name and those of the new folders.
    assert Path(flushed[0]).parent.parent == tmp_path / "incoming"
    assert flushed[1:] == [str(folder) for folder in original.parents[:4]]
    flushed.clear()
    put(blobs, b"data")
    assert flushed[1:] == [str(original.parent)]
    flushed.clear()
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    assert flushed == []
    blobs.withdraw("default", ID)
    assert str(tmp_path / "default" / "withdrawn" / ID[:2]) in flushed


def test_a_blob_is_not_flushed_if_a_setting_says_so(tmp_path: Path, flushed: list[str]) -> None:
    put(FolderBlobs(tmp_path), b"data")
    assert flushed == []


class Announcements:
    """Counts how often its threads said that they wait."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def blocking(self) -> Iterator[None]:
        """Count the announcement."""
        self.count += 1
        yield


def announced_by(call: Callable[[], object]) -> int:
    """Return how often a call says that it waits."""
    announcements = Announcements()
    with ThreadPoolExecutor(1, initializer=run_by, initargs=(announcements,)) as threads:
        threads.submit(call).result()
    return announcements.count


def test_waits_for_the_disk_are_announced(tmp_path: Path) -> None:
    # A wait for all files that one blob flushes.
    assert announced_by(lambda: put(FolderBlobs(tmp_path, fsync=True), b"data")) == 1
    assert announced_by(lambda: put(FolderBlobs(tmp_path), b"data")) == 0


def test_waits_for_a_bucket_are_announced(bucket: Bucket) -> None:
    blobs = S3Blobs(bucket)
    calls: list[Callable[[], object]] = [
        lambda: put(blobs, b"data"),
        lambda: blobs.read("default", ID),
        lambda: blobs.put_rendition("default", ID, "256.jpg", b"small"),
        lambda: blobs.touch("default", ID),
        lambda: blobs.withdraw("default", ID),
        lambda: blobs.discard("default", ID),
    ]
    for call in calls:
        assert announced_by(call) > 0


def test_a_withdrawn_blob_is_out_of_sight_with_its_renditions(blobs: BlobStore) -> None:
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    blobs.withdraw("default", ID)
    with pytest.raises(NotFound):
        blobs.open("default", ID)
    assert blobs.rendition("default", ID, "256.jpg") is None
    (found,) = blobs.withdrawn()
    assert (found.tenant, found.id) == ("default", ID)
    assert found.at == pytest.approx(time.time(), abs=60)


def test_a_withdrawn_blob_comes_back(blobs: BlobStore) -> None:
    assert not blobs.restore("default", ID)
    put(blobs, b"data")
    blobs.withdraw("default", ID)
    blobs.withdraw("default", ID)
    assert blobs.restore("default", ID)
    assert blobs.read("default", ID) == b"data"
    assert list(blobs.withdrawn()) == []
    assert not blobs.restore("default", ID)


def test_what_was_discarded_does_not_come_back(blobs: BlobStore) -> None:
    put(blobs, b"data")
    put(blobs, b"data", "other")
    blobs.withdraw("default", ID)
    blobs.withdraw("other", ID)
    blobs.discard("default", ID)
    blobs.discard("default", ID)
    assert not blobs.restore("default", ID)
    assert [found.tenant for found in blobs.withdrawn()] == ["other"]


def test_a_blob_that_came_again_stays_whatever_was_withdrawn(blobs: BlobStore) -> None:
    put(blobs, b"data")
    blobs.withdraw("default", ID)
    put(blobs, b"data")
    blobs.discard("default", ID)
    assert blobs.read("default", ID) == b"data"
    blobs.withdraw("default", ID)
    put(blobs, b"data")
    assert blobs.restore("default", ID)
    assert blobs.read("default", ID) == b"data"


def test_a_rendition_of_a_blob_that_has_gone_is_not_kept(blobs: BlobStore) -> None:
    put(blobs, b"data")
    blobs.withdraw("default", ID)
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    assert blobs.rendition("default", ID, "256.jpg") is None


def test_a_rendition_that_a_killed_process_left_goes_with_its_blob(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "150.jpg", b"small")
    left = next(tmp_path.glob("*/renditions/*/*/*"))
    aside = left.rename(tmp_path / "aside")
    blobs.withdraw("default", ID)
    # As if its process had been killed between writing it and checking the original again.
    aside.rename(left)
    blobs.discard("default", ID)
    assert not left.exists()


def test_renditions_in_the_folders_of_an_earlier_version_go_with_their_blob(
    tmp_path: Path,
) -> None:
    blobs = FolderBlobs(tmp_path)
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "150.jpg", b"small")
    earlier = tmp_path / "default" / "renditions" / ID[:2] / ID
    earlier.mkdir(parents=True)
    (earlier / "150.jpg").write_bytes(b"small")
    blobs.withdraw("default", ID)
    assert [path for path in tmp_path.glob("*/renditions/**/*") if path.is_file()] == []


def test_the_time_of_a_withdrawal_is_not_that_of_the_upload(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    put(blobs, b"data")
    os.utime(blobs.path("default", ID), (1, 1))
    blobs.withdraw("default", ID)
    assert next(blobs.withdrawn()).at > time.time() - 3600


def test_all_blobs_are_found_with_their_tenants(blobs: BlobStore) -> None:
    assert list(blobs.stored()) == []
    put(blobs, b"data")
    put(blobs, b"data", "other")
    blobs.withdraw("other", ID)
    (found,) = blobs.stored()
    assert (found.tenant, found.id) == ("default", ID)
    assert found.at == pytest.approx(time.time(), abs=60)


def test_a_slice_has_the_blobs_of_its_prefix_alone(blobs: BlobStore) -> None:
    put(blobs, b"data")
    put(blobs, b"data", "other")
    put(blobs, b"data", "other", "ac" * 32)
    assert sorted(found.tenant for found in blobs.stored("ab")) == ["default", "other"]
    assert [found.id for found in blobs.stored("ac")] == ["ac" * 32]
    assert list(blobs.stored("cd")) == []


def at(blobs: BlobStore) -> float:
    return next(blobs.stored()).at


def age(blobs: BlobStore, to: float = 1.0) -> None:
    """Backdate the blob, to 1970 by default."""
    if isinstance(blobs, S3Blobs):
        # Its clock is its own, and counts whole seconds.
        time.sleep(1.1)
    elif isinstance(blobs, FolderBlobs):
        os.utime(blobs.path("default", ID), (to, to))
    else:
        assert isinstance(blobs, MemoryBlobs)
        blobs._blob("default", ID).at = to


def test_the_time_of_a_blob_is_that_of_its_commit(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    writer = blobs.writer("default")
    writer.write(b"data")
    writer.seal()
    # The rest of the request took a long time to arrive.
    os.utime(writer.path, (1, 1))
    writer.commit(ID)
    assert at(blobs) == pytest.approx(time.time(), abs=60)


def test_a_blob_that_came_again_has_the_time_of_the_last(blobs: BlobStore) -> None:
    put(blobs, b"data")
    age(blobs)
    put(blobs, b"data")
    assert at(blobs) == pytest.approx(time.time(), abs=60)


def test_a_blob_is_touched(blobs: BlobStore) -> None:
    with pytest.raises(NotFound, match=ID):
        blobs.touch("default", ID)
    put(blobs, b"data")
    age(blobs)
    blobs.touch("default", ID)
    assert at(blobs) == pytest.approx(time.time(), abs=60)
    blobs.withdraw("default", ID)
    with pytest.raises(NotFound):
        blobs.touch("default", ID)


def test_a_blob_that_comes_back_is_as_young_as_an_upload(blobs: BlobStore) -> None:
    """Restoring replaces a concurrent upload's bytes, and that upload relies on their age."""
    put(blobs, b"data")
    blobs.withdraw("default", ID)
    if isinstance(blobs, FolderBlobs):
        os.utime(blobs._withdrawn("default", ID), (1, 1))
    put(blobs, b"data")
    blobs.restore("default", ID)
    assert at(blobs) == pytest.approx(time.time(), abs=60)


def test_a_kept_blob_is_kept_until_it_is_withdrawn(blobs: BlobStore) -> None:
    def is_kept() -> bool:
        return next(blobs.stored()).kept

    blobs.keep("default", ID, 1.0)
    put(blobs, b"data")
    assert not is_kept()
    blobs.keep("default", ID, at(blobs) - 1)
    assert not is_kept()
    blobs.keep("default", ID, at(blobs))
    assert is_kept()
    assert blobs.read("default", ID) == b"data"
    blobs.touch("default", ID)
    assert is_kept()
    put(blobs, b"data")
    assert is_kept()
    blobs.withdraw("default", ID)
    assert not next(blobs.withdrawn()).kept
    blobs.restore("default", ID)
    assert not is_kept()


def test_a_file_of_another_mode_counts_as_kept(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    put(blobs, b"data")
    blobs.path("default", ID).chmod(0o644)
    assert next(blobs.stored()).kept


def test_only_the_blob_that_was_looked_at_is_withdrawn(blobs: BlobStore) -> None:
    assert not blobs.withdraw("default", ID, 1.0)
    put(blobs, b"data")
    age(blobs)
    seen = at(blobs)
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "256.jpg", b"small")
    assert not blobs.withdraw("default", ID, seen)
    assert blobs.read("default", ID) == b"data"
    assert blobs.rendition("default", ID, "256.jpg") == b"small"
    assert blobs.withdraw("default", ID, at(blobs))
    assert not blobs.withdraw("default", ID)
    assert [found.id for found in blobs.withdrawn()] == [ID]


def test_only_what_was_withdrawn_then_is_discarded(blobs: BlobStore) -> None:
    put(blobs, b"data")
    blobs.withdraw("default", ID)
    (seen,) = blobs.withdrawn()
    blobs.discard("default", ID, seen.at - 1)
    assert list(blobs.withdrawn()) == [seen]
    blobs.discard("default", ID, seen.at)
    blobs.discard("default", ID, seen.at)
    assert list(blobs.withdrawn()) == []
