"""Decoder processes that are killed under a worker."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.contract import INGEST_QUEUE
from tests.chaos.conftest import PATIENT
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.polling import wait_for
from tests.support.services import Stack, Worker

KILLS = 10
IMAGES = 400


@pytest.fixture
def worker(stack: Stack, tmp_path: Path) -> Iterator[Worker]:
    """An ingest worker with two decoder processes."""
    variables = {
        **stack.settings,
        **PATIENT,
        "GLIMPSE_DECODE_IN": "processes",
        "GLIMPSE_DECODE_THREADS": "2",
        # A kill per hundredth of a second may hit one picture more often than three times.
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
    for done in sorted(dice.sample(range(IMAGES - 50), KILLS)):
        ledger.indexed(job, done)
        wait_for(lambda: decoders(worker), 30, "a decoder to kill")
        dice.choice(decoders(worker)).kill()
    ledger.all_indexed(job, files)
    assert worker.pid == pid
    assert not all(process.is_running() for process in first)
    assert 1 < worker.log.read_text().count("decoder.died") <= KILLS
    last = decoders(worker)
    worker.stop()
    _, alive = psutil.wait_procs(last, 30)
    assert not alive
