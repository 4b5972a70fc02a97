"""Decoder processes that are killed, and that die of a picture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from common.contract import DEFAULT_TENANT, INGEST_QUEUE
from common.dead_letters.redis import RedisDeadLetters
from tests.chaos.conftest import PATIENT, MakeWorkers, StartFleet
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.mortal_decoders import BUSY, DEADLY
from tests.support.pictures import picture
from tests.support.services import MortalWorker, Stack, Worker

KILLS = 10
IMAGES = 800


@pytest.fixture
def worker(stack: Stack, tmp_path: Path) -> Iterator[Worker]:
    """An ingest worker with two decoder processes."""
    variables = {
        **stack.settings,
        **PATIENT,
        "GLIMPSE_DECODE_IN": "processes",
        "GLIMPSE_DECODE_THREADS": "2",
        # Random kills may hit one picture more often than three times.
        "GLIMPSE_ATTEMPTS_MAX": str(KILLS + 1),
    }
    worker = Worker(tmp_path, variables, INGEST_QUEUE)
    worker.start()
    yield worker
    worker.stop()


def decoders(worker: Worker) -> list[psutil.Process]:
    """Return a worker's decoder processes: its grandchildren, forked by a server."""
    parent = psutil.Process(worker.pid)
    return [child for server in parent.children() for child in server.children()]


def test_killed_decoders_lose_nothing_and_leave_their_worker(
    ledger: Ledger, worker: Worker, photos: Path, dice: random.Random
) -> None:
    files = album(photos, "decoders", IMAGES)
    pid, first = worker.pid, decoders(worker)
    assert len(first) == 2
    job = ledger.upload(files)
    for done in sorted(dice.sample(range(IMAGES // 2), KILLS)):
        ledger.indexed(job, done)
        # One that was killed may not be replaced yet, or may end just now.
        with suppress(IndexError, psutil.NoSuchProcess):
            dice.choice(decoders(worker)).kill()
    ledger.all_indexed(job, files)
    assert worker.pid == pid
    assert not all(process.is_running() for process in first)
    last = decoders(worker)
    worker.stop()
    _, alive = psutil.wait_procs(last, 30)
    assert not alive


def test_a_picture_that_decoders_die_of_is_quarantined_and_their_worker_lives(
    ledger: Ledger, workers: MakeWorkers, photos: Path
) -> None:
    (worker,) = workers(kind=MortalWorker, settings={"GLIMPSE_DECODE_THREADS": "2"})
    innocent = list(album(photos, "mortal", 30).items())
    deadly = {
        f"{size}.png": picture("#{:02x}{:02x}{:02x}".format(*DEADLY), (size, size))
        for size in (16, 17)
    }
    pid = worker.pid
    location = ledger.upload(dict([*innocent[:3], *deadly.items(), *innocent[3:]]))
    job = ledger.settled(location)
    assert (job["state"], job["indexed"], job["failed"]) == ("partial", 30, 2)
    failed = ledger.items(location, "failed")
    assert {item["filename"]: item["code"] for item in failed} == dict.fromkeys(
        deadly, "quarantined"
    )
    letters, _ = RedisDeadLetters(ledger.redis).page(DEFAULT_TENANT, 10)
    assert {letter.filename: letter.attempts for letter in letters} == dict.fromkeys(deadly, 3)
    assert worker.pid == pid
    assert worker.log.read_text().count("decoder.died") == 3 * len(deadly)
    # Another upload of them kills no more.
    assert ledger.settled(ledger.upload(deadly))["failed"] == 2
    assert worker.log.read_text().count("decoder.died") == 3 * len(deadly)
    ledger.at_rest()


def test_a_picture_whose_decoding_does_not_end_is_quarantined(
    ledger: Ledger, fleet: StartFleet, photos: Path, tmp_path: Path
) -> None:
    settings = {
        "GLIMPSE_DECODE_IN": "threads",
        "GLIMPSE_DECODE_CPU_S_MAX": "1",
        "GLIMPSE_HEARTBEAT_S": "0.5",
    }
    pair = fleet(2, 0.005, settings, kind=MortalWorker)
    innocent = album(photos, "busy", 20)
    busy = {"busy.png": picture("#{:02x}{:02x}{:02x}".format(*BUSY))}
    location = ledger.upload({**busy, **innocent})
    job = ledger.settled(location)
    assert (job["state"], job["indexed"], job["failed"]) == ("partial", 20, 1)
    (failed,) = ledger.items(location, "failed")
    assert (failed["filename"], failed["code"]) == ("busy.png", "quarantined")
    # A worker dies each time, and says why.
    assert pair.deaths == 3
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert logs.count("decoder.hung") == 3
    pair.wait_until_ready()
    ledger.at_rest()
