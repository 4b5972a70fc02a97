"""Milvus is restarted in the middle of a job, or is down for a long time."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.conftest import StartFleet
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.polling import ready, wait_for
from tests.support.services import Stack

# Failed attempts of a job during the outage: enough waits of `GLIMPSE_RETRY_S_MAX` that every
# chunk in progress has been requeued behind all others many times.
TRIES = 60


def red(stack: Stack) -> bool:
    """Return whether readiness reports only Milvus as missing."""
    response = stack.client.get("/readyz?for=all")
    if response.status_code == 200:
        return False
    return [error["field"] for error in response.json()["errors"]] == ["milvus"]


def test_kills_of_milvus_lose_nothing_and_burn_no_attempts(
    stack: Stack, ledger: Ledger, fleet: StartFleet, photos: Path
) -> None:
    pair = fleet(2, 0.03)
    files = album(photos, "milvus", 330)
    job = ledger.upload(files)
    for done in (32, 130):
        ledger.indexed(job, done)
        stack.milvus.kill()
        wait_for(lambda: red(stack), 60, "readiness to turn red")
        stack.milvus.start()
        ready(stack.client)
    ledger.all_indexed(job, files)
    assert ledger.claims() == {}
    assert pair.deaths == 0


def test_a_job_outlasts_a_long_outage_of_milvus(
    stack: Stack, ledger: Ledger, fleet: StartFleet, photos: Path
) -> None:
    pair = fleet(2, 0.02)
    files = album(photos, "outage", 400)
    job = ledger.upload(files)
    ledger.indexed(job, 50)
    stack.milvus.kill()
    before = pair.log().count("ingest.retry")
    wait_for(lambda: pair.log().count("ingest.retry") > before + TRIES, 120, "tries in vain")
    wait_for(lambda: red(stack), 60, "readiness to turn red")
    assert ledger.items(job, "failed") == []
    stack.milvus.start()
    ready(stack.client)
    ledger.all_indexed(job, files)
    assert ledger.claims() == {}
    assert pair.deaths == 0
