"""Blobs in a bucket of a real object store: kills, freezes, broken connections and large blobs."""

from __future__ import annotations

import copy
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from botocore.config import Config

from common.blobs import bucket as bucket_module
from common.blobs import bucket_client
from common.blobs.bucket import Bucket
from common.blobs.bucket_mark import BucketMark
from common.blobs.s3 import S3Blobs
from common.errors import BlobsFull, BlobsUnavailable, NotFound
from tests.support.breaking_proxy import BreakingProxy, refusal
from tests.support.plain_http import PLAIN
from tests.support.services import SeaweedFS, free_port
from tests.support.services.seaweedfs import BUCKET

ID = "ab" * 32
ROOT = Path(__file__).parent.parent.parent
# Bytes that do not repeat, larger than two parts of an upload.
LARGE = random.Random(0).randbytes(12 * 1024**2)


@pytest.fixture
def blobs(bucket: Bucket) -> S3Blobs:
    return S3Blobs(bucket)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[BreakingProxy]:
    with BreakingProxy(seaweedfs.port) as proxy:
        yield proxy


@pytest.fixture
def shaky(
    seaweedfs: SeaweedFS, bucket: Bucket, proxy: BreakingProxy, monkeypatch: pytest.MonkeyPatch
) -> S3Blobs:
    """The store of a process whose connections go through the proxy."""
    for name, value in seaweedfs.settings("", proxy.url).items():
        monkeypatch.setenv(name, value)
    return S3Blobs(Bucket(BUCKET, bucket.prefix))


def put(blobs: S3Blobs, data: bytes, blob_id: str = ID) -> None:
    writer = blobs.writer("default")
    writer.write(data)
    writer.commit(blob_id)


def keys(bucket: Bucket) -> list[str]:
    return [entry.key for entry in bucket.entries("")]


def spooled(blobs: S3Blobs) -> list[Path]:
    return list(blobs.incoming.folder().iterdir())


def test_a_blob_leaves_no_local_file(blobs: S3Blobs, bucket: Bucket) -> None:
    put(blobs, b"data")
    half = blobs.writer("default")
    half.write(b"half")
    assert len(spooled(blobs)) == 1
    half.discard()
    assert spooled(blobs) == []
    assert keys(bucket) == [f"originals/ab/default/{ID}"]


def test_a_killed_process_leaves_nothing(
    seaweedfs: SeaweedFS, bucket: Bucket, tmp_path: Path
) -> None:
    program = """
import os, sys
from common.blobs.bucket import Bucket
from common.blobs.s3 import S3Blobs
writer = S3Blobs(Bucket("glimpse", sys.argv[1])).writer("default")
writer.write(b"half")
writer.seal()
os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", program, bucket.prefix]
    environ = {**os.environ, **seaweedfs.settings(""), "TMPDIR": str(tmp_path)}
    assert subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode == -9
    (left,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    # Another process on this machine sweeps when it first writes.
    subprocess.run(command, cwd=ROOT, env=environ, check=False)
    assert not left.exists()
    assert keys(bucket) == []


def test_a_large_blob_goes_in_parts_and_is_read_by_ranges(
    blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_MULTIPART_BYTES", 5 * 1024**2)
    monkeypatch.setattr(bucket_module, "_PART_BYTES", 5 * 1024**2)
    put(blobs, LARGE)
    with blobs.open("default", ID) as file:
        assert file.seek(0, io.SEEK_END) == len(LARGE)
        assert file.seek(-7, io.SEEK_CUR) == len(LARGE) - 7
        assert file.read() == LARGE[-7:]
        # Across the end of a block, and before the block in memory.
        for position in (1024**2 - 3, 64 * 1024 - 3, 0, 5 * 1024**2 + 1):
            file.seek(position)
            assert file.read(1000) == LARGE[position : position + 1000]
        file.seek(0)
        assert file.read() == LARGE
        assert file.read(1) == b""


def test_an_abandoned_upload_in_parts_is_aborted(blobs: S3Blobs, bucket: Bucket) -> None:
    client, name = bucket._client, bucket.prefix + f"originals/ab/default/{ID}"
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=name)["UploadId"]
    client.upload_part(
        Bucket=BUCKET, Key=name, UploadId=upload, PartNumber=1, Body=bytes(5 * 1024**2)
    )

    def uploads() -> list[str]:
        found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=bucket.prefix)
        return [each["UploadId"] for each in found.get("Uploads", [])]

    blobs.sweep()
    assert uploads() == [upload]
    bucket.abort_uploads("originals/", time.time() + 60)
    assert uploads() == []
    with pytest.raises(NotFound):
        blobs.read("default", ID)


def test_a_withdrawal_that_froze_deletes_nothing_that_came_since(
    bucket: Bucket, blobs: S3Blobs
) -> None:
    """Others restore and discard the copy, and the bytes are uploaded again, before it resumes."""

    def meanwhile() -> None:
        assert blobs.restore("default", ID)
        put(blobs, b"data")
        time.sleep(2.5)

    put(blobs, b"data")
    frozen = S3Blobs(frozen_after_copy(bucket, meanwhile), hold_s=1)
    with pytest.raises(BlobsUnavailable, match="within 1 s"):
        frozen.withdraw("default", ID)
    assert blobs.read("default", ID) == b"data"
    assert list(blobs.withdrawn()) == []


def test_an_upload_in_the_middle_of_a_withdrawal_has_its_bytes(
    bucket: Bucket, blobs: S3Blobs
) -> None:
    put(blobs, b"data")
    amid = S3Blobs(frozen_after_copy(bucket, lambda: put(blobs, b"data")))
    assert amid.withdraw("default", ID)
    # Its task restores them: nothing discards a copy as young as that.
    (copied,) = blobs.withdrawn()
    assert copied.at == pytest.approx(time.time(), abs=60)
    assert blobs.restore("default", ID)
    assert blobs.read("default", ID) == b"data"


def test_a_restoration_that_froze_discards_nothing_that_came_since(
    bucket: Bucket, blobs: S3Blobs
) -> None:
    def meanwhile() -> None:
        assert blobs.withdraw("default", ID)
        time.sleep(2.5)

    put(blobs, b"data")
    blobs.withdraw("default", ID)
    frozen = S3Blobs(frozen_after_copy(bucket, meanwhile), hold_s=1)
    with pytest.raises(BlobsUnavailable, match="within 1 s"):
        frozen.restore("default", ID)
    # An upload that was accepted before the second deletion finds its bytes.
    assert blobs.restore("default", ID)
    assert blobs.read("default", ID) == b"data"


def frozen_after_copy(bucket: Bucket, meanwhile: Callable[[], None]) -> Bucket:
    """Return a bucket of a process that freezes after its next copy, while others go on."""

    class Frozen(Bucket):
        def copy(self, source: str, target: str) -> bool:
            existed = super().copy(source, target)
            meanwhile()
            return existed

    frozen = copy.copy(bucket)
    frozen.__class__ = Frozen
    return frozen


def test_a_process_that_dies_in_the_middle_of_a_withdrawal_loses_nothing(
    bucket: Bucket, blobs: S3Blobs
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    put(blobs, b"data")
    with pytest.raises(KeyboardInterrupt):
        S3Blobs(frozen_after_copy(bucket, die)).withdraw("default", ID)
    assert blobs.read("default", ID) == b"data"
    # The upkeep may settle the copy either way.
    assert blobs.restore("default", ID)
    assert blobs.withdraw("default", ID)
    with pytest.raises(KeyboardInterrupt):
        S3Blobs(frozen_after_copy(bucket, die)).restore("default", ID)
    (left,) = blobs.withdrawn()
    blobs.discard("default", ID, left.at)
    assert list(blobs.withdrawn()) == []
    assert blobs.read("default", ID) == b"data"


def test_broken_connections_are_survived(shaky: S3Blobs, proxy: BreakingProxy) -> None:
    put(shaky, LARGE)
    proxy.breaks = 2
    assert shaky.read("default", ID) == LARGE
    assert proxy.broken == 2
    proxy.breaks = 2
    put(shaky, b"again", "cd" * 32)
    assert shaky.read("default", "cd" * 32) == b"again"
    proxy.cut()
    with shaky.open("default", ID) as file:
        proxy.breaks = 1
        assert file.read() == LARGE


def test_a_connection_that_breaks_every_time_is_told(
    shaky: S3Blobs, proxy: BreakingProxy, blobs: S3Blobs
) -> None:
    put(shaky, b"data")
    proxy.breaks = 1000
    for attempt in (
        lambda: shaky.read("default", ID),
        lambda: shaky.touch("default", ID),
        lambda: shaky.withdraw("default", ID),
        lambda: list(shaky.stored()),
    ):
        with pytest.raises(BlobsUnavailable, match="object store cannot be used"):
            attempt()
    proxy.breaks = 0
    # The copy may have been made.
    assert blobs.read("default", ID) == b"data"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.99])
def test_an_answer_that_breaks_anywhere_is_no_other_answer(
    shaky: S3Blobs, proxy: BreakingProxy, share: float
) -> None:
    """If headers are missing, the rest may look like the answer about an empty blob or list."""
    put(shaky, b"data")
    proxy.share = share
    for ask in (
        lambda: shaky.read("default", ID),
        lambda: shaky.open("default", ID).read(),
        lambda: [blob.id for blob in shaky.stored()],
        lambda: shaky.withdraw("default", ID, 1.0),
    ):
        whole = ask()
        proxy.breaks = 1
        with suppress(BlobsUnavailable):
            assert ask() == whole
        proxy.breaks = 0


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (507, "XMinioStorageFull", BlobsFull),
        (403, "QuotaExceeded", BlobsFull),
        (503, "SlowDown", BlobsUnavailable),
        (403, "AccessDenied", BlobsUnavailable),
    ],
)
def test_a_refused_upload_is_told_and_leaves_nothing(
    shaky: S3Blobs, proxy: BreakingProxy, status: int, code: str, error: type[BlobsUnavailable]
) -> None:
    proxy.answer = lambda data: refusal(status, code) if data.startswith(b"PUT") else None
    writer = shaky.writer("default")
    writer.write(b"data")
    with pytest.raises(error, match=code) as caught:
        writer.commit(ID)
    assert type(caught.value) is error
    assert BUCKET not in str(caught.value)
    writer.discard()
    assert spooled(shaky) == []


def test_a_slow_store_is_not_waited_for_forever(
    shaky: S3Blobs, proxy: BreakingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    monkeypatch.setattr(bucket_client, "_CONFIG", bucket_client._CONFIG.merge(soon))
    proxy.answer = lambda _: time.sleep(2)  # type: ignore[func-returns-value]
    with pytest.raises(BlobsUnavailable, match="ReadTimeoutError"):
        shaky.read("default", ID)


def test_a_server_that_is_away_is_told(
    bucket: Bucket, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweedfs.settings("", f"http://127.0.0.1:{free_port()}").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BlobsUnavailable, match="EndpointConnectionError"):
        S3Blobs(Bucket(BUCKET, bucket.prefix)).read("default", ID)


def test_a_signed_address_says_what_it_is(blobs: S3Blobs) -> None:
    put(blobs, b"data")
    headers = {"Content-Type": "image/png", "Content-Disposition": 'inline; filename="a.png"'}
    url = blobs.signed_url("default", ID, 60, headers)
    assert url is not None
    answer = httpx.get(url, headers={"Range": "bytes=1-2"}, **PLAIN)
    assert (answer.status_code, answer.content) == (206, b"at")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == headers["Content-Disposition"]
    assert httpx.get(url.partition("?")[0], **PLAIN).status_code == 403


def test_the_mark_of_a_bucket_is_an_object(bucket: Bucket) -> None:
    mark = BucketMark(bucket)
    assert mark.read() is None
    mark.write("mark")
    assert mark.read() == "mark"


def test_renditions_and_archives_are_apart_from_originals(bucket: Bucket, blobs: S3Blobs) -> None:
    archives = S3Blobs(bucket, "archives/")
    put(archives, b"archive")
    put(blobs, b"data")
    blobs.put_rendition("default", ID, "300.jpg", b"small")
    assert [blob.id for blob in blobs.stored()] == [ID]
    assert [blob.id for blob in archives.stored("ab")] == [ID]
    blobs.delete("default", ID)
    assert keys(bucket) == [f"archives/originals/ab/default/{ID}"]
