"""Behaviour while Milvus is down: callers get clear errors, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_RETRY_S": "0.5", "GLIMPSE_RETRY_S_MAX": "2"}
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        ready(stack.client)
        yield stack


def upload(client: httpx.Client, *colours: str) -> httpx.Response:
    return client.post(
        "/v1/images", files=[("file", (f"{colour}.png", picture(colour))) for colour in colours]
    )


def search(client: httpx.Client, text: str) -> httpx.Response:
    return client.post("/v1/searches", json={"text": text}, headers={"Prefer": "wait=20"})


def test_a_job_waits_for_milvus_and_finishes(stack: Stack) -> None:
    stack.milvus.kill()
    wait_for(
        lambda: stack.client.get("/readyz?for=all").status_code == 503, 30, "readiness to turn red"
    )
    missing = stack.client.get("/readyz?for=all").json()["errors"]
    assert [error["field"] for error in missing] == ["milvus"]
    response = upload(stack.client, "red", "blue")
    assert response.status_code == 202
    found = search(stack.client, "red").json()
    assert (found["state"], found["error"]["code"]) == ("failed", "store_unavailable")
    job = stack.client.get(response.headers["Location"]).json()
    assert (job["state"], job["indexed"], job["failed"]) == ("running", 0, 0)
    stack.milvus.start()
    job = finished_job(stack.client, response.headers["Location"])
    assert (job["state"], job["indexed"]) == ("succeeded", 2)
    assert search(stack.client, "blue").json()["hits"][0]["filename"] == "blue.png"


def test_workers_that_start_before_milvus_wait_for_it(stack: Stack) -> None:
    stack.ingest_worker.stop()
    stack.milvus.stop()
    response = upload(stack.client, "green")
    assert response.status_code == 202
    log = stack.ingest_worker.log
    waits = log.read_text().count("store.waiting")
    with ThreadPoolExecutor() as threads:
        worker = threads.submit(stack.ingest_worker.start)
        wait_for(
            lambda: log.read_text().count("store.waiting") > waits, 60, "the worker to miss Milvus"
        )
        stack.milvus.start()
        worker.result()
    assert finished_job(stack.client, response.headers["Location"])["indexed"] == 1
