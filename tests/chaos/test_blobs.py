"""Blobs vanish, the blob folder itself vanishes, and archives are left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.redis.client import connect
from tests.chaos.conftest import MakeWorkers
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, picture
from tests.support.polling import wait_for
from tests.support.services import Stack

FILES = {"teal.png": picture("teal"), "plum.png": picture("plum")}
GONE = image_id(FILES["teal.png"])


@pytest.fixture
def folder(stack: Stack) -> Path:
    """The blob folder, once its mark is back in the emptied Redis."""
    wait_for(lambda: marked_by_upload(stack), 60, "the API to put the mark again")
    return Path(stack.settings["GLIMPSE_BLOBS_DIR"])


def marked_by_upload(stack: Stack) -> bool:
    # Not a picture, so that no worker gets a task.
    stack.client.post("/v1/images", files={"file": ("a.txt", b"These are words.")})
    with connect(stack.redis.url) as redis:
        return bool(redis.exists("glimpse:blobs"))


def delete_all(stack: Stack) -> None:
    for data in FILES.values():
        stack.client.delete(f"/v1/images/{image_id(data)}")


def test_a_job_ends_though_bytes_of_it_are_gone(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, folder: Path
) -> None:
    job = ledger.upload(FILES)
    (folder / "default" / "originals" / GONE[:2] / GONE).unlink()
    workers(settings={"GLIMPSE_MISSING_S": "1"})
    settled = ledger.settled(job)
    assert (settled["state"], settled["indexed"], settled["failed"]) == ("partial", 1, 1)
    (failed,) = ledger.items(job, "failed")
    assert (failed["id"], failed["code"]) == (GONE, "store_error")
    letter = stack.client.get("/v1/dead-letters").json()["dead_letters"][0]
    assert (letter["id"], letter["code"]) == (GONE, "store_error")
    assert stack.client.post(letter["links"]["replay"]).status_code == 404
    assert ledger.settled(ledger.upload(FILES))["indexed"] == 1
    ledger.at_rest()
    delete_all(stack)


def test_a_job_ends_though_redis_has_lost_the_mark(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, folder: Path
) -> None:
    (worker,) = workers(settings={"GLIMPSE_MISSING_S": "1", "GLIMPSE_RETRY_S_MAX": "0.5"})
    assert ledger.settled(ledger.upload(FILES))["indexed"] == len(FILES)
    ledger.at_rest()
    worker.suspend()
    ledger.redis.flushall()
    late = {"navy.png": picture("navy"), "gold.png": picture("gold")}
    job = ledger.upload(late)
    gone = image_id(late["navy.png"])
    (folder / "default" / "originals" / gone[:2] / gone).unlink()
    worker.resume()
    settled = ledger.settled(job)
    assert (settled["state"], settled["indexed"], settled["failed"]) == ("partial", 1, 1)
    (failed,) = ledger.items(job, "failed")
    assert (failed["id"], failed["code"]) == (gone, "store_error")
    ledger.at_rest()
    stack.client.delete(f"/v1/images/{image_id(late['gold.png'])}")
    delete_all(stack)


def test_a_folder_that_is_not_there_burns_nothing(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, folder: Path, tmp_path: Path
) -> None:
    job = ledger.upload(FILES)
    # Like an unmounted volume: an empty folder remains.
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    (worker,) = workers(settings={"GLIMPSE_MISSING_S": "0.5"})
    log = worker.log
    wait_for(lambda: log.read_text().count("ingest.retry code=blobs_unavailable") >= 8, 60, "tries")
    assert ledger.job(job)["failed"] == 0
    for left in folder.iterdir():
        assert left.name != "glimpse-blobs"
    folder.rename(tmp_path / "mount point")
    (tmp_path / "elsewhere").rename(folder)
    assert ledger.settled(job)["indexed"] == len(FILES)
    assert ledger.claims() == {}
    delete_all(stack)


def test_an_archive_of_no_job_is_swept(stack: Stack, workers: MakeWorkers, folder: Path) -> None:
    archives = folder / "archives" / "default" / "originals" / "ab"
    archives.mkdir(parents=True, exist_ok=True)
    old, young = archives / ("ab" * 16), archives / ("abcd" * 8)
    for archive in (old, young):
        archive.write_bytes(b"an archive")
    os.utime(old, (1, 1))
    workers()
    wait_for(lambda: not old.exists(), 60, "the archive to be swept")
    assert young.exists()
    young.unlink()
