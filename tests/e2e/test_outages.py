"""What callers see while a part is away, and that nothing is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey

# Seconds after which a call counts as hanging; far more than an answer takes.
HANGS_AFTER_S = 15.0


@pytest.fixture
def stack(tmp_path: object) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_RETRY_S": "0.5", "GLIMPSE_RETRY_S_MAX": "2"}
    with Stack(tmp_path, settings) as stack:  # type: ignore[arg-type]
        ready(stack.client)
        yield stack


def upload(client: httpx.Client, *colours: str) -> httpx.Response:
    return client.post(
        "/v1/images", files=[("file", (f"{colour}.png", picture(colour))) for colour in colours]
    )


def search(client: httpx.Client, text: str) -> httpx.Response:
    return client.post("/v1/searches", json={"text": text}, headers={"Prefer": "wait=20"})


def assert_redis_is_missed(url: str) -> None:
    """Check that every route that needs Redis says so instead of hanging."""
    with httpx.Client(base_url=url, timeout=HANGS_AFTER_S) as client:
        responses = {
            "upload": upload(client, "red"),
            "search": search(client, "red"),
            "job": client.get(f"/v1/jobs/{'0' * 32}"),
            "readyz": client.get("/readyz"),
            "image": client.get(f"/v1/images/{'0' * 64}"),
        }
    for name, response in responses.items():
        assert response.status_code == 503, name
        assert response.headers["Content-Type"] == "application/problem+json", name
        assert response.headers["Retry-After"], name


def test_a_dead_redis_is_told_at_once_and_survived(stack: Stack) -> None:
    stack.redis.kill()
    assert_redis_is_missed(stack.api.url)
    stack.redis.start()
    ready(stack.client)
    job = finished_job(stack.client, upload(stack.client, "red").headers["Location"])
    assert job["state"] == "succeeded"


def test_a_hanging_redis_is_told_within_seconds(stack: Stack) -> None:
    stack.redis.suspend()
    try:
        assert_redis_is_missed(stack.api.url)
    finally:
        stack.redis.resume()
    ready(stack.client)


def test_a_job_waits_for_milvus_and_finishes(stack: Stack) -> None:
    stack.milvus.kill()
    wait_for(lambda: stack.client.get("/readyz").status_code == 503, 30, "readiness to turn red")
    missing = stack.client.get("/readyz").json()["errors"]
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
    stack.milvus.start()
    stack.ingest_worker.start()
    assert finished_job(stack.client, response.headers["Location"])["indexed"] == 1
