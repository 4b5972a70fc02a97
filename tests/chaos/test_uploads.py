"""The API is killed in the middle of an upload, and the blob store's disk fills up."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.chaos.conftest import MakeWorkers
from tests.conftest import miss
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id
from tests.support.polling import finished_job, wait_for
from tests.support.services import Api, Stack

# Sizes of the disk and of the ballast file on it, in bytes.
DISK_BYTES, BALLAST_BYTES = 6 * 1024**2, 2 * 1024**2
# Permitted error codes and their statuses.
FULL = {"insufficient_storage": 507, "blobs_unavailable": 503}


def blobs_of(folder: Path) -> list[Path]:
    """Return the files of all stored blobs."""
    return [path for path in folder.glob("*/originals/*/*") if path.is_file()]


def half_uploads(folder: Path) -> list[Path]:
    return [path for path in folder.glob("incoming/*/*") if path.is_file()]


def half_body(files: dict[str, bytes]) -> bytes:
    """Return the request of an upload that is truncated within its last picture."""
    parts = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    )
    head = (
        "POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(parts) + 1_000_000}\r\n\r\n"
    )
    return head.encode() + parts[: -max(map(len, files.values())) // 2]


def test_an_api_killed_within_an_upload_leaves_nothing(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, photos: Path
) -> None:
    folder = Path(stack.settings["GLIMPSE_BLOBS_DIR"])
    before = set(blobs_of(folder))
    files = album(photos, "cut", 60)
    host, port = stack.api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(half_body(files))
        wait_for(lambda: len(half_uploads(folder)) > len(files) // 2, 30, "half an upload")
        stack.api.kill()
    assert set(blobs_of(folder)) == before
    assert list(ledger.redis.scan_iter("glimpse:job:*")) == []
    stack.api.start()
    assert half_uploads(folder), "nothing is left that could be swept"
    workers()
    wait_for(lambda: not half_uploads(folder), 60, "the half upload to be swept")
    ledger.all_indexed(ledger.upload(files), files)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount an in-memory file system of ``DISK_BYTES``."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk that fills")
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        miss(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily, so that open files do not prevent the unmount.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def served_from(folder: Path, stack: Stack, workers: MakeWorkers, logs: Path) -> Iterator[str]:
    """Run an API and an ingest worker on another blob folder; yield the API's URL."""
    settings = {"GLIMPSE_BLOBS_DIR": str(folder)}
    with Api(logs, {**stack.settings, **settings}) as api:
        (worker,) = workers(1, 0, settings)
        yield api.url
        worker.stop()


def until_full(url: str, batches: list[dict[str, bytes]]) -> tuple[list[str], int]:
    """Upload until a batch is rejected; return the accepted jobs and that batch's number."""
    jobs: list[str] = []
    for number, files in enumerate(batches):
        response = send(url, files)
        if response.status_code != 202:
            assert_says_full(response)
            return jobs, number
        jobs.append(response.headers["Location"])
    pytest.fail("the disk took everything")


def send(url: str, files: dict[str, bytes]) -> httpx.Response:
    """Upload files over a new connection."""
    parts = [("file", file) for file in files.items()]
    return httpx.post(f"{url}/v1/images", files=parts, timeout=60)


def assert_says_full(response: httpx.Response) -> None:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert FULL.get(problem["code"]) == response.status_code, problem
    assert problem["detail"]


def test_a_full_disk_is_told_and_survived(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, photos: Path, tmp_path: Path
) -> None:
    files = list(album(photos, "full").items())
    batches = [dict(files[start : start + 30]) for start in range(0, len(files), 30)]
    with small_disk(tmp_path / "disk") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(BALLAST_BYTES))
        blobs = disk / "blobs"
        with (
            served_from(blobs, stack, workers, tmp_path / "api") as url,
            httpx.Client(base_url=url) as client,
        ):
            jobs, refused = until_full(url, batches)
            assert jobs, "the disk was full before anything was accepted"
            # A worker's thumbnails are half written, too, while it makes them.
            wait_for(lambda: not half_uploads(blobs), 60, "no half upload")
            assert all(image_id(path.read_bytes()) == path.name for path in blobs_of(blobs))
            for job, batch in zip(jobs, batches, strict=False):
                assert finished_job(client, job)["indexed"] == len(batch)
            assert_says_full(send(url, batches[refused]))
            ballast.unlink()
            again = send(url, batches[refused])
            assert finished_job(client, again.headers["Location"])["state"] == "succeeded"
        accepted = [data for batch in batches[: refused + 1] for data in batch.values()]
        assert ledger.missing(accepted) == set()
        assert ledger.new_rows() == len(accepted)
        ledger.at_rest()
