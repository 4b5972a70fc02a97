"""Machines whose clocks differ: nothing is refused, abandoned or lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import require
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, SkewedApi, SkewedWorker, Stack, Valkey, Worker

# Seconds that a clock is ahead; negative if behind.
SKEWS = [5, 300, -5, -300]
WAIT = {"Prefer": "wait=20"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_SEARCH_EXPIRES_S": "1"}
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture
def client(stack: Stack) -> httpx.Client:
    return stack.client


@contextmanager
def skewed(worker: Worker, skew_s: float) -> Iterator[SkewedWorker]:
    """Replace a worker by one with a skewed clock; the original stays stopped, to save time."""
    worker.stop()
    folder = worker.folder / f"skewed{skew_s:g}"
    with SkewedWorker(folder, worker.settings, worker.queue, skew_s) as other:
        yield other


def upload(client: httpx.Client, colour: str) -> str:
    """Index a picture of a colour; return its id."""
    data = picture(colour)
    response = client.post("/v1/images", files={"file": (f"{colour}.png", data)})
    job = finished_job(client, response.raise_for_status().headers["Location"])
    assert job["state"] == "succeeded", job
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    return image_id(data)


def asked_for_all(client: httpx.Client, colour: str) -> None:
    """Make every kind of request that a search worker handles."""
    found = upload(client, colour)
    search = client.post("/v1/searches", json={"text": colour}, headers=WAIT)
    assert search.status_code == 200
    assert found in [hit["id"] for hit in search.json()["hits"]]
    assert client.post("/v1/images/check", json={"ids": [found]}).json()["known"] == [found]
    assert client.get(f"/v1/images/{found}").status_code == 200
    assert found in [image["id"] for image in client.get("/v1/images").json()["images"]]
    assert client.delete(f"/v1/images/{found}").status_code == 204
    assert client.get(f"/v1/images/{found}").status_code == 404


def said(client: httpx.Client) -> dict[str, str]:
    """Return readiness's detail of each part; check that all are ready."""
    answer = client.get("/readyz?for=all")
    assert answer.status_code == 200, answer.text
    return {part["part"]: part["detail"] for part in answer.json()["parts"]}


def about(whose: str, skew_s: float) -> str:
    begun = "answers" if whose == "the API's" else "works"
    direction = "ahead of" if skew_s > 0 else "behind"
    return f"{begun}; {whose} clock is {abs(skew_s):.0f} s {direction} Redis's: correct it"


@pytest.mark.parametrize("skew_s", [300, -300])
def test_an_api_of_another_clock_is_answered(stack: Stack, tmp_path: Path, skew_s: float) -> None:
    with (
        SkewedApi(tmp_path, stack.settings, skew_s) as api,
        httpx.Client(base_url=api.url, timeout=60) as client,
    ):
        asked_for_all(client, "blue")
        assert said(client)["redis"] == about("the API's", skew_s)
        assert api.log.read_text().count("clock.skewed name=api") == 1


def test_an_ingest_worker_of_another_clock_takes_no_other_for_gone(
    stack: Stack, client: httpx.Client
) -> None:
    with skewed(stack.ingest_worker, 300):
        asked_for_all(client, "green")
        details = said(client)
    stack.ingest_worker.start()
    assert details["worker-ingest"] == about("a worker's", 300)
    assert details["worker-search"] == "works"


@pytest.mark.parametrize("skew_s", SKEWS)
def test_a_search_worker_of_another_clock_answers(
    stack: Stack, client: httpx.Client, skew_s: float
) -> None:
    with skewed(stack.search_worker, skew_s) as worker:
        asked_for_all(client, "red")
        assert said(client)["worker-search"] == about("a worker's", skew_s)
        assert worker.log.read_text().count("clock.skewed") == 1


def test_a_search_that_nobody_took_in_time_is_given_up(stack: Stack, client: httpx.Client) -> None:
    stack.search_worker.stop()
    search = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=1.5"})
    assert (search.status_code, search.json()["state"]) == (202, "queued")
    with skewed(stack.search_worker, -300) as late:
        location = search.headers["Location"]

        def failed() -> bool:
            return bool(client.get(location).json()["state"] == "failed")

        wait_for(failed, 30, "the search to be given up")
        log = late.log.read_text()
    assert "expired" in log
    assert "Traceback" not in log


def test_a_search_is_as_old_to_every_api(
    stack: Stack, client: httpx.Client, tmp_path: Path
) -> None:
    stack.search_worker.stop()
    with (
        SkewedApi(tmp_path, stack.settings, -300) as api,
        httpx.Client(base_url=api.url, timeout=60) as behind,
    ):
        search = behind.post("/v1/searches", json={"text": "red"})
        assert search.status_code == 202
        assert client.get(search.headers["Location"]).json()["state"] == "queued"
