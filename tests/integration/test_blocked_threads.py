"""Requests that wait for others let these run, through a real gunicorn that runs one at a time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from redis import Redis

from common.contract import CATALOG_QUEUE
from common.jobs.redis import RedisJobs
from common.redis.client import connect as connect_redis
from tests.support.job_records import new_job
from tests.support.pictures import image_id, one_pixel_png, picture
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey
from tests.support.slow_clients import HANGS_AFTER_S, Crowd, read_to_end, request

# Requests of each kind that wait at once.
MANY = 6
# Seconds that they wait: far longer than the rest of a test takes.
WAIT_S = 250
# More bytes than fit into the buffers between the API and a client that does not read.
LARGE_BYTES = 8 * 1024**2
PICTURE = request("POST /v1/images", "image/png", 100_000)


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect_redis(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def api(valkey: Valkey, tmp_path: Path) -> Iterator[Api]:
    variables = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_WAIT_S_MAX": str(WAIT_S),
        "GLIMPSE_CLIENT_SILENCE_S": str(WAIT_S),
        "GUNICORN_CMD_ARGS": "--worker-class tests.support.strict_worker.StrictWorker",
        "WEB_CONCURRENCY": "1",
    }
    with Api(tmp_path / "api", variables) as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=api.url, timeout=HANGS_AFTER_S, limits=limits, **PLAIN) as client:
        yield client


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2 * MANY) as threads:
        yield threads


def serves(client: httpx.Client) -> None:
    """Check that requests of several kinds are answered."""
    assert client.get("/healthz").status_code == 200
    headers = {"Content-Type": "image/png"}
    uploaded = client.post("/v1/images", content=picture(), headers=headers)
    assert uploaded.status_code == 202
    assert client.get(uploaded.headers["Location"]).json()["state"] == "queued"


def test_others_run_while_requests_wait_for_a_worker(
    client: httpx.Client, redis: Redis, threads: ThreadPoolExecutor
) -> None:
    prefer = {"Prefer": f"wait={WAIT_S}"}
    searches = [
        threads.submit(client.post, "/v1/searches", json={"text": str(n)}, headers=prefer)
        for n in range(MANY)
    ]
    questions = [threads.submit(client.get, f"/v1/images/{n:064x}") for n in range(MANY)]
    try:
        wait_for(lambda: len(searches_in(redis)) == MANY, HANGS_AFTER_S, "the searches")
        wait_for(lambda: redis.llen(CATALOG_QUEUE) == MANY, HANGS_AFTER_S, "the questions")
        serves(client)
        assert not any(search.done() for search in searches)
    finally:
        fail_all(redis)
    assert [search.result().json()["state"] for search in searches] == ["failed"] * MANY
    assert codes(questions) == {"worker_unavailable"}
    serves(client)


def searches_in(redis: Redis) -> list[str]:
    return list(redis.scan_iter("glimpse:search:*"))


def fail_all(redis: Redis) -> None:
    """Publish for every search that its task has failed, as Celery does."""
    failed = {"status": "FAILURE", "result": None, "traceback": None, "children": []}
    for record in searches_in(redis):
        key = f"celery-task-meta-{record.removeprefix('glimpse:search:')}"
        redis.set(key, json.dumps(failed))
        redis.publish(key, json.dumps(failed))


def codes(answers: list[Future[httpx.Response]]) -> set[str]:
    return {answer.result().json()["code"] for answer in answers}


def test_others_run_while_jobs_are_streamed(client: httpx.Client, redis: Redis) -> None:
    job = new_job(RedisJobs(redis, ttl_s=600), 1)
    url = f"/v1/jobs/{job.id}/events"
    with ExitStack() as stack:
        opened = [stack.enter_context(client.stream("GET", url)) for _ in range(MANY)]
        # Iterators that are discarded would end the streams.
        streams = [stream.iter_lines() for stream in opened]
        assert [next(stream) for stream in streams] == ["retry: 2000"] * MANY
        serves(client)
    # The clients have gone.
    serves(client)


def test_others_run_while_bodies_are_awaited(api: Api, client: httpx.Client) -> None:
    with Crowd(api.url, MANY, PICTURE + one_pixel_png()):
        serves(client)
    # All of them have hung up in the middle of their bodies.
    serves(client)


def test_others_run_while_responses_are_not_read(api: Api, client: httpx.Client) -> None:
    data = one_pixel_png() + uuid.uuid4().bytes + bytes(LARGE_BYTES)
    headers = {"Content-Type": "image/png"}
    client.post("/v1/images", content=data, headers=headers).raise_for_status()
    asked = request(f"GET /v1/images/{image_id(data)}/content").replace(b"HTTP/1.1", b"HTTP/1.0")
    with Crowd(api.url, MANY, asked) as crowd:
        serves(client)
        # One reads after all, and the others hang up in the middle of their responses.
        assert read_to_end(crowd.clients[0]).endswith(data)
    serves(client)
