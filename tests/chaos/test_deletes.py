"""Images are deleted while workers die, and while their uploads are in progress."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from common.contract import SEARCH_QUEUE
from tests.chaos.conftest import MakeWorkers, MakeZombies
from tests.support.chaos.books import SOUND, Books, named
from tests.support.chaos.freezes import DELETE_STAGES, frozen, halted_deletes
from tests.support.chaos.ledger import Ledger
from tests.support.chaos.rounds import rounds
from tests.support.pictures import image_id, picture
from tests.support.polling import ready, wait_for
from tests.support.services import DeadlyDeleter, Stack

# Seconds for a worker's upkeep to restore the blobs of an interrupted deletion.
_UPKEEP_S = 60

DATA = picture("orange")
ID = image_id(DATA)
FILES = {"orange.png": DATA}
PATH = f"/v1/images/{ID}"


@pytest.fixture
def ingest(stack: Stack, workers: MakeWorkers, ledger: Ledger) -> None:
    """Start an ingest worker and index the image."""
    workers()
    ledger.settled(ledger.upload(FILES))
    ready(stack.client)


def content(stack: Stack) -> httpx.Response:
    return stack.client.get(f"{PATH}/content")


def found(stack: Stack) -> list[str]:
    search = {"text": "orange", "top_k": 1000}
    response = stack.client.post("/v1/searches", json=search, headers={"Prefer": "wait=20"})
    return [hit["id"] for hit in response.json()["hits"]]


def delete(stack: Stack) -> int:
    """Delete the image, retrying while the API responds 503; return the final status."""

    def tried() -> int | None:
        status = stack.client.delete(PATH).status_code
        return status if status != 503 else None

    return wait_for(tried, 60, "an answer to a delete")


@pytest.mark.parametrize("step", ["before", "after"])
@pytest.mark.usefixtures("ingest")
def test_a_worker_killed_within_a_deletion_leaves_no_half(
    stack: Stack, ledger: Ledger, tmp_path: Path, step: str
) -> None:
    stack.search_worker.stop()
    with DeadlyDeleter(tmp_path / "deleter", stack.settings, step) as deleter:
        assert stack.client.delete(PATH).status_code == 503
        wait_for(lambda: not deleter.running, 30, "the worker to die")
    stack.search_worker.start()
    ready(stack.client)
    if step == "before":
        # The row still exists, so the upkeep restores the blob; then delete again.
        wait_for(lambda: content(stack).status_code == 200, _UPKEEP_S, "the bytes")
        assert ID in found(stack)
        assert delete(stack) == 204
    assert ID not in found(stack)
    assert content(stack).status_code == 404
    assert delete(stack) == 404
    ledger.settled(ledger.upload(FILES))
    assert ID in found(stack)
    assert content(stack).content == DATA
    ledger.at_rest()
    assert delete(stack) == 204


def test_an_upload_that_waits_in_the_queue_keeps_its_bytes(
    stack: Stack, ledger: Ledger, workers: MakeWorkers
) -> None:
    (worker,) = workers()
    ledger.settled(ledger.upload(FILES))
    worker.stop()
    job = ledger.upload(FILES)
    assert delete(stack) == 204
    assert ID not in found(stack)
    assert content(stack).status_code == 404
    worker.start()
    assert ledger.settled(job)["indexed"] == 1
    assert ID in found(stack)
    assert content(stack).content == DATA
    assert delete(stack) == 204


def test_an_image_that_the_model_has_in_hand_is_not_known_yet(
    stack: Stack, ledger: Ledger, workers: MakeWorkers
) -> None:
    (worker,) = workers(1, 1.5, {"GLIMPSE_LEASE_S": "60"})
    job = ledger.upload(FILES)
    wait_for(worker.begun, 60, "the model to begin")
    assert stack.client.delete(PATH).status_code == 404
    assert ledger.settled(job)["indexed"] == 1
    assert ID in found(stack)
    assert delete(stack) == 204
    assert ID not in found(stack)


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_redis_away_within_a_deletion_leaves_no_image_busy(
    stack: Stack, books: Books, workers: MakeWorkers, zombies: MakeZombies, _round: int
) -> None:
    workers()
    images = books.pictures(len(DELETE_STAGES))
    books.upload(named("first", images), "first")
    books.ended()
    stack.search_worker.stop()
    deleters = zombies(SEARCH_QUEUE, frozen(DELETE_STAGES))
    halted_deletes(books, deleters, images)
    stack.redis.kill()
    deleters.resume()
    time.sleep(1)
    stack.redis.start()
    stack.search_worker.start()
    ready(stack.client)
    books.upload(named("anew", images), "anew")
    assert books.audit("Redis away for a second within a deletion") == SOUND
