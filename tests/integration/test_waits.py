"""Requests that wait for a search worker, through a real gunicorn, and concurrent others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest
from redis import Redis

from common.contract import CATALOG_QUEUE, SearchResult, dump
from common.redis.client import connect
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey

# Requests of each kind that may wait in the one process, and requests that ask to.
PLACES, WAITERS = 32, 64
# Seconds that the requests ask to wait: far longer than the rest of the test takes.
WAIT_S = 250


@pytest.fixture
def variables(valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    return {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_WAIT_S_MAX": str(WAIT_S),
        "GLIMPSE_WAITS_MAX": str(PLACES),
        "GLIMPSE_CATALOG_WAITS_MAX": str(PLACES),
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def client(redis: Redis, variables: dict[str, str], tmp_path: Path) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=None)
    with (
        Api(tmp_path / "api", variables) as api,
        httpx.Client(base_url=api.url, timeout=280, limits=limits) as client,
    ):
        yield client


def search(client: httpx.Client) -> httpx.Response:
    prefer = {"Prefer": f"wait={WAIT_S}"}
    return client.post("/v1/searches", json={"text": "a dog"}, headers=prefer)


def answer_all(redis: Redis) -> None:
    """Store an empty result for every search, as a search worker would through Celery."""
    nothing = dump(SearchResult(encoder="hashing", took_ms=1))
    text = json.dumps({"status": "SUCCESS", "result": nothing, "traceback": None, "children": []})
    for key in redis.scan_iter("glimpse:search:*"):
        result = f"celery-task-meta-{key.removeprefix('glimpse:search:')}"
        redis.set(result, text)
        redis.publish(result, text)


def test_others_are_answered_while_all_wait(client: httpx.Client, redis: Redis) -> None:
    with ThreadPoolExecutor(WAITERS) as threads:
        waiting = {threads.submit(search, client) for _ in range(WAITERS)}
        try:
            # Requests without a slot are answered as if they had not asked to wait.
            refused = take(waiting, WAITERS - PLACES)
            assert {found.status_code for found in refused} == {202}
            assert {found.json()["state"] for found in refused} == {"queued"}
            assert not [found for found in refused if "Preference-Applied" in found.headers]
            beside_them(client, refused[0].headers["Location"])
            assert not [each for each in waiting if each.done()]
        finally:
            answer_all(redis)
    hits = [each.result() for each in waiting]
    assert [found.status_code for found in hits] == [200] * PLACES
    assert {found.headers["Preference-Applied"] for found in hits} == {"wait"}
    # The slots are free again.
    assert client.get(f"/v1/images/{'0' * 64}").json()["code"] == "worker_unavailable"


def take(waiting: set[Future[httpx.Response]], count: int) -> list[httpx.Response]:
    """Return the first ``count`` answers, removing their futures from ``waiting``."""
    found: list[httpx.Response] = []
    while len(found) < count:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        waiting -= done
        found += [each.result() for each in done]
    return found


def beside_them(client: httpx.Client, location: str) -> None:
    """Send requests that need no search worker, then requests that do."""
    # Twice as many requests as there are threads for them.
    for _ in range(32):
        assert client.get("/healthz").status_code == 200
    assert client.get("/readyz?for=all").json()["code"] == "not_ready"
    job = client.post("/v1/images", files={"file": ("dog.png", picture())})
    assert job.status_code == 202
    assert client.get(job.headers["Location"]).json()["state"] == "queued"
    # This waits for a search: it is refused at once.
    found = client.get(f"{location}/contact-sheet.png")
    assert (found.status_code, found.json()["code"]) == (503, "overloaded")
    assert found.headers["Retry-After"] == "1"
    # Questions about images have places of their own; they wait for a worker.
    image = f"/v1/images/{uuid.uuid4().hex * 2}"
    questions = [("GET", image), ("DELETE", image), ("GET", "/v1/images")]
    with ThreadPoolExecutor(len(questions)) as threads:
        answers = threads.map(lambda question: client.request(*question), questions)
    assert [found.json()["code"] for found in answers] == ["worker_unavailable"] * 3


def test_a_question_that_finds_no_place_is_not_sent(client: httpx.Client, redis: Redis) -> None:
    with ThreadPoolExecutor(WAITERS) as threads:
        asked = [threads.submit(client.get, f"/v1/images/{n:064x}") for n in range(WAITERS)]
    codes = sorted(each.result().json()["code"] for each in asked)
    sent = codes.count("worker_unavailable")
    assert codes.count("overloaded") == WAITERS - sent
    assert sent >= PLACES
    assert redis.llen(CATALOG_QUEUE) == sent


def test_a_search_is_kept_for_minutes_once_it_was_read(client: httpx.Client, redis: Redis) -> None:
    started = client.post("/v1/searches", json={"text": "a dog"})
    record = f"glimpse:search:{started.json()['id']}"
    result = f"celery-task-meta-{started.json()['id']}"
    assert client.get(started.headers["Location"]).json()["state"] == "queued"
    assert redis.ttl(record) > 300
    answer_all(redis)
    found = client.get(started.headers["Location"]).json()
    assert found["state"] == "succeeded"
    # The record first: without its result, the search would seem to be queued.
    assert 0 < redis.ttl(record) <= redis.ttl(result) <= 300
    assert client.get(started.headers["Location"]).json() == found


def test_a_search_that_was_answered_is_kept_for_minutes(client: httpx.Client, redis: Redis) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(search, client)
        wait_for(lambda: redis.keys("glimpse:search:*"), 30, "the record of the search")
        answer_all(redis)
        found = waiting.result()
    assert (found.status_code, found.json()["state"]) == (200, "succeeded")
    record, result = (
        f"{prefix}{found.json()['id']}" for prefix in ("glimpse:search:", "celery-task-meta-")
    )
    # The result follows the response.
    wait_for(lambda: redis.ttl(result) > 0, 30, "the end of the result")
    assert 0 < redis.ttl(record) <= redis.ttl(result) <= 300
    later = client.get(found.headers["Location"]).json()
    assert later == found.json()


def test_a_search_that_was_not_answered_in_time_is_kept_for_an_hour(
    client: httpx.Client, redis: Redis
) -> None:
    prefer = {"Prefer": "wait=0.2"}
    found = client.post("/v1/searches", json={"text": "a dog"}, headers=prefer)
    assert found.status_code == 202
    assert redis.ttl(f"glimpse:search:{found.json()['id']}") > 300
