"""The primary of a replicated Redis is killed in the middle of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chaos.conftest import SETTINGS
from tests.conftest import require
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, picture
from tests.support.polling import ready, wait_for
from tests.support.services import Fleet, MilvusLite, ReplicatedValkey, SlowWorker, Stack, Valkey

IMAGES = 160


@pytest.fixture
def replicated(tmp_path: Path) -> ReplicatedValkey:
    """The servers, which the stack starts and stops."""
    require(Valkey)
    return ReplicatedValkey(tmp_path / "redis")


@pytest.fixture
def stack(tmp_path: Path, replicated: ReplicatedValkey) -> Iterator[Stack]:
    require(MilvusLite)
    with Stack(tmp_path / "stack", SETTINGS, redis=replicated, ingests=False) as stack:
        yield stack


@pytest.fixture
def fleet(tmp_path: Path, stack: Stack) -> Iterator[Fleet]:
    """Two ingest workers, restarted if one ends."""
    log = tmp_path / "embeddings"
    workers = [SlowWorker(tmp_path / f"worker{n}", stack.settings, 0, log, 0.05) for n in range(2)]
    with Fleet(workers) as fleet:
        fleet.wait_until_ready()
        yield fleet


def upload_later(client: httpx.Client, colour: str) -> str:
    """Upload a picture once the service takes uploads again; until then it must say why not."""
    file = {"file": (f"{colour}.png", picture(colour))}

    def accepted() -> str | None:
        response = client.post("/v1/images", files=file)
        if response.status_code == 202:
            return response.headers["Location"]
        assert (response.status_code, response.json()["code"]) == (503, "broker_unavailable")
        assert "Retry-After" in response.headers
        return None

    return wait_for(accepted, 60, "an upload after the failover")


def test_what_was_replicated_survives_the_primary(
    stack: Stack, replicated: ReplicatedValkey, ledger: Ledger, fleet: Fleet, photos: Path
) -> None:
    ready(stack.client)
    files = album(photos, "failover", IMAGES)
    job = ledger.upload(files)
    ledger.indexed(job, 10)
    replicated.replicate()
    dead = replicated.primary()
    dead.kill()
    late = upload_later(stack.client, "red")
    # This sentinel may have learned it last.
    wait_for(lambda: replicated.primary() is not dead, 60, "another primary")
    assert ledger.settled(late)["indexed"] == 1
    # The old primary returns, and becomes a replica of the new one.
    dead.start()
    files["red"] = picture("red")
    finished = ledger.settled(job)
    assert (finished["state"], finished["indexed"]) == ("succeeded", IMAGES)
    assert ledger.missing(files.values()) == set()
    assert ledger.new_rows() == len(files)
    ready(stack.client)
    search = stack.client.post("/v1/searches", json={"text": "x"}, headers={"Prefer": "wait=20"})
    assert (search.status_code, len(search.json()["hits"])) == (200, 10)
    red = image_id(picture("red"))
    assert stack.client.delete(f"/v1/images/{red}").status_code == 204
    ledger.at_rest()
    assert fleet.deaths == 0
    assert stack.api.traceback == ""
