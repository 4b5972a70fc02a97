"""One job filled over two real API processes; one of them, or their Redis, is killed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.pictures import image_id, picture
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey, two_apis

REQUESTS = 40
# Consecutive requests have a picture in common.
PICTURES = [picture(f"#00{n:02x}ff") for n in range(2 * REQUESTS + 1)]


@pytest.fixture(scope="module")
def apis(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Api]]:
    """Two API processes with shared storage and no worker, so images stay queued."""
    folder = tmp_path_factory.mktemp("apis")
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
        "GLIMPSE_LEASE_S": "1",
        "GLIMPSE_MAX_WAIT_S": "1000000",
        "WEB_CONCURRENCY": "1",
    }
    with two_apis(folder, settings) as apis:
        yield apis


@pytest.fixture
def jobs(valkey: Valkey) -> Iterator[RedisJobs]:
    with connect(valkey.url) as redis:
        yield RedisJobs(redis, ttl_s=600)


def post(api: Api, path: str, **content: Any) -> httpx.Response:
    return httpx.post(f"{api.url}{path}", timeout=60, **content, **PLAIN)


def pictures_of(number: int) -> list[bytes]:
    """Return the pictures of one request."""
    return PICTURES[2 * number : 2 * number + 3]


def add(api: Api, job_id: str, number: int, key: str) -> httpx.Response:
    files = [("file", (f"{number}-{n}.png", data)) for n, data in enumerate(pictures_of(number))]
    return post(api, f"/v1/images?job={job_id}", files=files, headers={"Idempotency-Key": key})


def opened(api: Api) -> str:
    job_id: str = post(api, "/v1/jobs", json={"name": "Crete"}).json()["id"]
    return job_id


def ids_of(jobs: RedisJobs, job_id: str) -> set[str]:
    """Return the ids of a job's images, after checking that the job has each once, in order."""
    items, _ = jobs.items(job_id, None, 1000)
    assert [item.index for item in items] == list(range(jobs.get(job_id).total))
    ids = {item.id for item in items}
    assert len(ids) == len(items)
    return ids


def cancel(api: Api, job_id: str) -> dict[str, Any]:
    answer = httpx.delete(f"{api.url}/v1/jobs/{job_id}", timeout=60, **PLAIN)
    job: dict[str, Any] = answer.raise_for_status().json()
    return job


def test_a_completion_takes_each_request_before_it_whole_and_none_after(
    apis: list[Api], jobs: RedisJobs
) -> None:
    job_id = opened(apis[0])

    def try_to_add(number: int) -> bool:
        if number == REQUESTS // 2:
            assert post(apis[0], f"/v1/jobs/{job_id}/complete").status_code == 200
        response = add(apis[number % 2], job_id, number, uuid.uuid4().hex)
        if response.status_code == 202:
            return True
        assert (response.status_code, response.json()["code"]) == (409, "job_complete")
        return False

    with ThreadPoolExecutor(4) as threads:
        accepted = list(threads.map(try_to_add, range(REQUESTS)))
    assert accepted[0]
    assert not accepted[-1]
    expected = {
        image_id(data)
        for number in range(REQUESTS)
        if accepted[number]
        for data in pictures_of(number)
    }
    assert ids_of(jobs, job_id) == expected
    assert cancel(apis[0], job_id)["cancelled"] == len(expected)


def test_an_open_job_outlives_its_redis(apis: list[Api], jobs: RedisJobs, valkey: Valkey) -> None:
    job_id = opened(apis[0])
    assert add(apis[0], job_id, 0, "a").status_code == 202
    valkey.kill()
    refused = add(apis[1], job_id, 1, "b")
    assert (refused.status_code, refused.json()["code"]) == (503, "broker_unavailable")
    valkey.start()
    for api in apis:
        for number in (0, 1):
            assert add(api, job_id, number, uuid.uuid4().hex).status_code == 202
    assert ids_of(jobs, job_id) == set(map(image_id, PICTURES[:5]))
    found = httpx.get(f"{apis[0].url}/v1/jobs?name=Crete", **PLAIN).json()["jobs"]
    assert [job["id"] for job in found] == [job_id]
    assert jobs.close_idle(60) == 0
    assert post(apis[1], f"/v1/jobs/{job_id}/complete").json()["total"] == 5
    assert cancel(apis[0], job_id)["cancelled"] == 5


def test_every_picture_is_in_the_job_once_whatever_a_kill_cuts_short(
    apis: list[Api], jobs: RedisJobs
) -> None:
    one, other = apis
    job_id = opened(one)
    keys = [uuid.uuid4().hex for _ in range(REQUESTS)]
    before = jobs.pending()

    def first_try(number: int) -> bool:
        try:
            add(apis[number % 2], job_id, number, keys[number])
        except httpx.TransportError:
            return False
        if number == REQUESTS // 2:
            one.kill()
        return True

    def retried(number: int) -> None:
        def is_accepted() -> bool:
            response = add(other, job_id, number, keys[number])
            # Until its lease expires, the killed process holds the key.
            assert response.status_code in (202, 409), response.text
            return response.status_code == 202

        wait_for(is_accepted, 60, "the key")

    with ThreadPoolExecutor(8) as threads:
        answered = list(threads.map(first_try, range(REQUESTS)))
        list(threads.map(retried, range(REQUESTS)))
    assert False in answered
    assert jobs.pending() - before == len(PICTURES)
    assert ids_of(jobs, job_id) == set(map(image_id, PICTURES))
    done = post(other, f"/v1/jobs/{job_id}/complete").json()
    assert (done["open"], done["total"], done["state"]) == (False, len(PICTURES), "queued")
    cancelled = cancel(other, job_id)
    assert (cancelled["state"], cancelled["cancelled"]) == ("cancelled", len(PICTURES))
    one.start()
