"""Archives through the whole stack: streamed, interrupted by a kill, and resumed."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.pictures import picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack


def send(client: httpx.Client, archive: Path, kind: str) -> str:
    """Upload an archive, streamed from disk; return the location of its job."""
    with archive.open("rb") as body:
        response = client.post(
            "/v1/images",
            params={"filename": archive.name},
            content=iter(lambda: body.read(1 << 16), b""),
            headers={"Content-Type": kind, "Content-Length": str(archive.stat().st_size)},
        )
    return str(response.raise_for_status().headers["Location"])


@pytest.fixture
def waiting(shared_stack: Stack, tenant: str) -> Callable[[], list[Path]]:
    """Function that returns the stored archives."""
    folder = Path(shared_stack.settings["GLIMPSE_BLOBS_DIR"]) / "archives" / tenant / "originals"
    return lambda: list(folder.glob("*/*"))


def counts(job: dict[str, Any]) -> tuple[str, int, int, int, int]:
    return (job["state"], job["total"], job["indexed"], job["duplicates"], job["failed"])


def test_a_zip_and_a_tar_of_photographs_are_indexed_once(
    tenant_client: httpx.Client, waiting: Callable[[], list[Path]], photos: Path, tmp_path: Path
) -> None:
    some = sorted(photos.glob("a*/*.jpg"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as zipped:
        for path in some:
            zipped.write(path, path.relative_to(photos))
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as tar:
        tar.add(photos / "ant", "ant")
        tar.add(photos / "bonsai", "bonsai")
    first = finished_job(
        tenant_client, send(tenant_client, tmp_path / "photos.zip", "application/zip")
    )
    assert counts(first) == ("succeeded", len(some), len(some), 0, 0)
    second = send(tenant_client, tmp_path / "photos.tar.gz", "application/gzip")
    assert counts(finished_job(tenant_client, second)) == ("succeeded", 20, 10, 10, 0)
    hits = tenant_client.get(f"{second}/items").json()["items"]
    assert {item["filename"].split("/")[0] for item in hits} == {"ant", "bonsai"}
    assert waiting() == []


def test_a_worker_killed_in_the_middle_of_an_archive_loses_nothing(
    shared_stack: Stack,
    tenant_client: httpx.Client,
    waiting: Callable[[], list[Path]],
    tmp_path: Path,
) -> None:
    count = 1500
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for number in range(count):
            file = tmp_path / f"{number:06d}.png"
            file.write_bytes(picture(f"#{number:06x}"))
            tar.add(file, file.name)
            # A sidecar, as in WebDataset; not a picture.
            sidecar = file.with_suffix(".json")
            sidecar.write_text("{}")
            tar.add(sidecar, sidecar.name)
    location = send(tenant_client, tmp_path / "shard.tar", "application/x-tar")
    wait_for(lambda: tenant_client.get(location).json()["total"] > 100, 60, "the job to grow")
    shared_stack.ingest_worker.kill()
    killed_at = tenant_client.get(location).json()
    assert 0 < killed_at["total"] < count
    assert killed_at["state"] in ("queued", "running")
    shared_stack.ingest_worker.start()
    done = finished_job(tenant_client, location)
    assert counts(done) == ("succeeded", count, count, 0, 0)
    assert waiting() == []
