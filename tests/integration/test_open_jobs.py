"""One job filled over two real API processes, one of which is killed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.jobs.redis import RedisJobs
from common.redis_client import connect
from tests.support.pictures import image_id, picture
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey, two_apis

REQUESTS = 40
# Consecutive requests have a picture in common.
PICTURES = [picture(f"#00{n:02x}ff") for n in range(2 * REQUESTS + 1)]


@pytest.fixture
def apis(valkey: Valkey, tmp_path: Path) -> Iterator[list[Api]]:
    """Two API processes with shared storage and no worker, so images stay queued."""
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_LEASE_S": "1",
        "GLIMPSE_MAX_WAIT_S": "1000000",
        "WEB_CONCURRENCY": "1",
    }
    with two_apis(tmp_path, settings) as apis:
        yield apis


def post(api: Api, path: str, **content: Any) -> httpx.Response:
    return httpx.post(f"{api.url}{path}", timeout=60, **content, **PLAIN)


def add(api: Api, job_id: str, number: int, key: str) -> httpx.Response:
    some = PICTURES[2 * number : 2 * number + 3]
    files = [("file", (f"{number}-{n}.png", data)) for n, data in enumerate(some)]
    return post(api, f"/v1/images?job={job_id}", files=files, headers={"Idempotency-Key": key})


def test_every_picture_is_in_the_job_once_whatever_a_kill_cuts_short(
    apis: list[Api], valkey: Valkey
) -> None:
    one, other = apis
    job_id = post(one, "/v1/jobs", json={"name": "Crete"}).json()["id"]
    keys = [uuid.uuid4().hex for _ in range(REQUESTS)]
    with connect(valkey.url) as redis:
        jobs = RedisJobs(redis, ttl_s=600)
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
        items, _ = jobs.items(job_id, None, 1000)
        assert sorted(item.id for item in items) == sorted(map(image_id, PICTURES))
        assert [item.index for item in items] == list(range(len(PICTURES)))
    done = post(other, f"/v1/jobs/{job_id}/complete").json()
    assert (done["open"], done["total"], done["state"]) == (False, len(PICTURES), "queued")
    cancelled = httpx.delete(f"{other.url}/v1/jobs/{job_id}", timeout=60, **PLAIN).json()
    assert (cancelled["state"], cancelled["cancelled"]) == ("cancelled", len(PICTURES))
