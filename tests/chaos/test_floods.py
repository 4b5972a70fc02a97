"""Many damaged files, many clients with the same files, and many tasks of a cancelled job."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.conftest import PATIENT, MakeWorkers
from tests.support.chaos.album import album, damaged
from tests.support.chaos.ledger import Ledger
from tests.support.ingest_queues import waiting_uploads
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job
from tests.support.services import Api, Stack

# Permitted error codes of damaged files: those that blame the picture, not the model or store.
DAMAGES = {"not_an_image", "unsupported_format", "truncated", "too_many_pixels", "empty"}
CLIENTS = 10


def test_a_thousand_damaged_files_cost_no_good_one(
    ledger: Ledger, workers: MakeWorkers, photos: Path, dice: random.Random
) -> None:
    (worker,) = workers(1, 0, PATIENT)
    pid = worker.pid
    good = album(photos, "good", 1000)
    bad = {f"bad/{name}": damaged(data, dice) for name, data in good.items()}
    names = [*good, *bad]
    dice.shuffle(names)
    location = ledger.upload({name: (good | bad)[name] for name in names})
    job = ledger.settled(location)
    unique = {image_id(data) for data in [*good.values(), *bad.values()]}
    assert job["total"] == len(unique)
    assert job["indexed"] == ledger.new_rows()
    assert ledger.missing(good.values()) == set()
    failed = ledger.items(location, "failed")
    assert {item["filename"] for item in failed} <= set(bad)
    assert {item["code"] for item in failed} <= DAMAGES
    # If nearly all were accepted or nearly all rejected, the test would prove little.
    assert 100 < len(failed) < 990
    ledger.at_rest()
    assert (worker.running, worker.pid) == (True, pid)
    assert ledger.claims() == {}


def test_the_same_files_of_many_clients_are_embedded_once(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, photos: Path
) -> None:
    pair = workers(2, 0.002, PATIENT)
    files = album(photos, "same", 200)
    folder = Path(stack.settings["GLIMPSE_BLOBS_DIR"]) / "default" / "originals"
    before = sum(1 for _ in folder.glob("*/*"))
    with ThreadPoolExecutor(CLIENTS) as clients:
        locations = list(clients.map(ledger.upload, [files] * CLIENTS))
    jobs = [ledger.settled(location) for location in locations]
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert sum(job["indexed"] for job in jobs) == len(files)
    assert sum(job["duplicates"] for job in jobs) == len(files) * (CLIENTS - 1)
    assert ledger.missing(files.values()) == set()
    assert ledger.new_rows() == len(files)
    assert sum(1 for _ in folder.glob("*/*")) - before == len(files)
    pixels = Counter(line.split()[1] for line in pair[0].all_begun())
    assert (len(pixels), set(pixels.values())) == (len(files), {1})
    ledger.at_rest()
    assert ledger.claims() == {}


@pytest.fixture
def fine_api(stack: Stack, tmp_path: Path) -> Iterator[Api]:
    """An API that creates one task per image."""
    with Api(tmp_path / "fine", {**stack.settings, "GLIMPSE_CHUNK_IMAGES": "1"}) as api:
        yield api


def test_a_job_of_thousands_of_tasks_is_cancelled_at_once(
    stack: Stack, fine_api: Api, ledger: Ledger, workers: MakeWorkers
) -> None:
    (slow,) = workers(1, 0.1, {"GLIMPSE_WORKER_THREADS": "1"})
    files = {f"{n}.png": picture(f"rgb({n % 256},{n // 256},77)", (8, 8)) for n in range(2000)}
    location = ledger.upload(files, fine_api.url)
    ledger.indexed(location, 3)
    assert stack.client.delete(location).status_code == 202
    finished_job(stack.client, location, timeout_s=30)
    slow.stop()
    job = ledger.settled(location)
    assert job["state"] == "cancelled"
    assert job["indexed"] == ledger.new_rows()
    assert 3 <= job["indexed"] < 100
    assert job["failed"] == job["duplicates"] == 0
    assert waiting_uploads(ledger.redis)
    embedded = len(slow.all_begun())
    workers()
    ledger.at_rest()
    assert len(slow.all_begun()) == embedded
    assert ledger.new_rows() == job["indexed"]
    assert ledger.job(location) == job
