"""A worker's upkeep removes the blobs of images that ended without a row, and no others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from common.dead_letters.base import DeadLetter
from common.dead_letters.redis import RedisDeadLetters
from tests.chaos.conftest import MakeWorkers
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, picture, truncated_jpeg
from tests.support.polling import wait_for
from tests.support.services import Stack
from worker.upkeep.orphaned_blobs import SLICES

# Seconds for one or two rounds of the upkeep.
_UPKEEP_S = 60
HOUR_S = 3600.0

DATA = picture("olive")
ID = image_id(DATA)
FILES = {"olive.png": DATA}


@dataclass
class Upkeep:
    """Steers the workers' upkeep to the images of a test, whose blobs are backdated."""

    stack: Stack
    ledger: Ledger

    def original(self, image: str, folder: str = "originals") -> Path:
        root = Path(self.stack.settings["GLIMPSE_BLOBS_DIR"])
        return root / "default" / folder / image[:2] / image

    def looks_at(self, image: str, hours: float = 2) -> None:
        """Backdate an image's blob by some hours, and wait until the upkeep has checked it."""
        redis = self.ledger.redis
        wait_for(lambda: redis.hget("glimpse:orphans", "collection"), _UPKEEP_S, "a turn")
        redis.hset("glimpse:orphans", "since", 0)
        at = time.time() - hours * HOUR_S
        os.utime(self.original(image), (at, at))
        turn = SLICES + int(image[:2], 16)
        redis.hset("glimpse:orphans", "turns", turn - 1)
        wait_for(
            lambda: int(str(redis.hget("glimpse:orphans", "turns"))) > turn, _UPKEEP_S, "turns"
        )

    def removes(self, image: str) -> None:
        """Check that an image's blob is withdrawn, and deleted an hour later."""
        assert content(self.stack, image).status_code == 200
        assert self.stack.client.delete(f"/v1/images/{image}").status_code == 404
        self.looks_at(image)
        assert content(self.stack, image).status_code == 404
        aside = self.original(image, "withdrawn")
        os.utime(aside, (1, 1))
        wait_for(lambda: not aside.exists(), _UPKEEP_S, "the end of its hour")
        assert not self.original(image).exists()

    def leaves(self, image: str, hours: float = 2) -> None:
        """Check that an image's blob is kept."""
        self.looks_at(image, hours)
        assert content(self.stack, image).status_code == 200


@pytest.fixture
def upkeep(stack: Stack, ledger: Ledger) -> Iterator[Upkeep]:
    """The upkeep, after the API has restored the folder's mark in the emptied Redis."""
    stack.api.stop()
    stack.api.start()
    yield Upkeep(stack, ledger)
    stack.client.delete(f"/v1/images/{ID}")


def content(stack: Stack, image: str) -> httpx.Response:
    return stack.client.get(f"/v1/images/{image}/content")


def cancelled(stack: Stack, ledger: Ledger) -> None:
    """Upload the image while no worker consumes, and cancel the job."""
    job = ledger.upload(FILES)
    stack.client.delete(job).raise_for_status()
    assert ledger.settled(job)["cancelled"] == 1


def refused(stack: Stack, ledger: Ledger, data: bytes) -> int:
    """Upload a picture while Redis dies; return the response's status."""
    incoming = Path(stack.settings["GLIMPSE_BLOBS_DIR"]) / "incoming"

    def body() -> Iterator[bytes]:
        yield data[:50]
        # The API asks Redis for admission before it starts to write.
        wait_for(lambda: any(incoming.glob("*/*")), 30, "the first bytes")
        stack.redis.kill()
        yield data[50:]

    headers = {"Content-Type": "image/png", "Content-Length": str(len(data))}
    try:
        answer = stack.client.post("/v1/images", content=body(), headers=headers)
    finally:
        stack.redis.start()
    return answer.status_code


def test_what_ended_without_a_row_goes(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, upkeep: Upkeep
) -> None:
    cancelled(stack, ledger)
    half, late = truncated_jpeg(), picture("navy", (300, 300))
    assert refused(stack, ledger, late) == 503
    workers()
    job = ledger.upload({"half.jpg": half})
    assert ledger.settled(job)["failed"] == 1
    for image in (ID, image_id(half), image_id(late)):
        upkeep.removes(image)
    assert ledger.settled(ledger.upload(FILES))["indexed"] == 1
    upkeep.leaves(ID)


def test_the_bytes_of_a_letter_stay_until_it_is_forgotten(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, upkeep: Upkeep
) -> None:
    cancelled(stack, ledger)
    fields = {"tenant": "default", "filename": "olive.png", "job_id": "1" * 32, "tags": []}
    gone = {"code": "encoder_error", "detail": "Because.", "attempts": 1, "metadata": {}}
    letter = DeadLetter.model_validate({"id": ID, "at": time.time(), **fields, **gone})
    RedisDeadLetters(ledger.redis).put([letter])
    workers()
    upkeep.leaves(ID)
    assert stack.client.delete(f"/v1/dead-letters/{ID}").status_code == 204
    upkeep.removes(ID)


def test_while_an_older_upload_waits_nothing_goes(
    stack: Stack, ledger: Ledger, workers: MakeWorkers, upkeep: Upkeep
) -> None:
    late = picture("teal", (41, 41))
    cancelled(stack, ledger)
    job = ledger.upload({"late.png": late})
    # As if it had waited for five hours.
    ledger.redis.zadd("glimpse:jobs:unfinished", {job.rsplit("/", 1)[1]: time.time() - 5 * HOUR_S})
    (slow,) = workers(1, 600)
    upkeep.leaves(image_id(late), 5)
    upkeep.leaves(ID, 4)
    slow.kill()
    workers()
    assert ledger.settled(job)["indexed"] == 1
    upkeep.leaves(image_id(late), 5)
    upkeep.removes(ID)
    stack.client.delete(f"/v1/images/{image_id(late)}")
