"""Workers whose clocks are ten minutes apart share the work of a service."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.conftest import MakeWorkers, side_by_side
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, picture
from tests.support.polling import wait_for
from tests.support.services import SlowWorker, Stack
from tests.support.services.skewed import skew

SKEW_S = 300
# Seconds per picture: a chunk of eight takes longer than a lease.
PICTURE_S = 0.4


@pytest.fixture
def pair(crew: MakeWorkers) -> list[SlowWorker]:
    """Two ingest workers, not started: one ahead, one behind."""
    ahead, behind = crew(2, PICTURE_S)
    skew(ahead, SKEW_S)
    skew(behind, -SKEW_S)
    return [ahead, behind]


def test_leases_claims_and_order_hold(
    stack: Stack, ledger: Ledger, pair: list[SlowWorker], photos: Path
) -> None:
    ahead, behind = pair
    side_by_side(SlowWorker.start, pair)
    job = ledger.upload(files := album(photos, "clocks", 32))
    finished = ledger.settled(job)
    assert (finished["state"], finished["indexed"]) == ("succeeded", len(files))
    assert finished["created_at"] <= finished["started_at"] <= finished["finished_at"]
    # Both worked, and neither took the other's live leases for expired ones.
    assert ahead.begun()
    assert behind.begun()
    assert max(Counter(line.split()[1] for line in ahead.all_begun()).values()) == 1
    for worker in pair:
        assert worker.log.read_text().count("clock.skewed") == 1
    # The work of a dead worker is taken over.
    before = len(ahead.begun())
    job = ledger.upload(more := album(photos, "taken over", 32))
    wait_for(lambda: len(ahead.begun()) > before, 60, "the worker to begin")
    ahead.kill()
    finished = ledger.settled(job)
    assert (finished["state"], finished["indexed"]) == ("succeeded", len(more))
    # Images are listed in the order of their indexing: the last one is of the worker behind.
    ledger.settled(ledger.upload({"red": picture("red")}))
    (first,) = stack.client.get("/v1/images", params={"limit": 1}).json()["images"]
    assert first["id"] == image_id(picture("red"))
    every = [*files.values(), *more.values(), picture("red")]
    assert ledger.missing(every) == set()
    assert ledger.new_rows() == len(every)
    ledger.at_rest()
