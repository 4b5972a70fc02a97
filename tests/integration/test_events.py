"""Event streams through a real gunicorn: many at once, and other requests next to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from common.jobs.base import Job, JobRecords
from common.jobs.redis import RedisJobs
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from tests.support.events import Event, read_events
from tests.support.job_records import new_job, outcome
from tests.support.polling import wait_for
from tests.support.services import Api, Valkey

# Streams that the API allows; each holds a thread.
PLACES = 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may stop."""
    with Valkey(tmp_path / "valkey") as service:
        yield service


@pytest.fixture
def redis(server: Valkey) -> Iterator[Redis]:
    client = connect(server.url)
    yield client
    client.close()


@pytest.fixture
def jobs(redis: Redis) -> JobRecords:
    return RedisJobs(redis, ttl_s=600)


@pytest.fixture
def job(jobs: JobRecords) -> Job:
    return new_job(jobs, 3)


@pytest.fixture
def api(server: Valkey, tmp_path: Path) -> Iterator[Api]:
    settings = {
        "GLIMPSE_REDIS_URL": server.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_EVENTS_MAX": str(PLACES),
        "GLIMPSE_EVENTS_HEARTBEAT_S": "0.1",
        "WEB_CONCURRENCY": "1",
    }
    with Api(tmp_path / "api", settings) as service:
        yield service


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, timeout=60) as client:
        yield client


class Stream:
    """An open event stream."""

    def __init__(self, client: httpx.Client, job: Job, opened: ExitStack) -> None:
        path = f"/v1/jobs/{job.id}/events"
        self.response = opened.enter_context(client.stream("GET", path))
        self.lines = self.response.iter_lines()
        self._events = read_events(self.lines)

    def next(self) -> Event:
        return next(self._events)

    def rest(self) -> list[Event]:
        return list(self._events)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def status(client: httpx.Client, job: Job) -> int:
    """Open another stream, return its status, and close it."""
    with client.stream("GET", f"/v1/jobs/{job.id}/events") as response:
        return response.status_code


def indexed(event: Event) -> tuple[str, Any]:
    return event[0], event[1]["indexed"]


def test_all_streams_are_told_while_others_are_answered(
    client: httpx.Client, jobs: JobRecords, job: Job, opened: ExitStack
) -> None:
    streams = [Stream(client, job, opened) for _ in range(PLACES)]
    assert [indexed(stream.next()) for stream in streams] == [("progress", 0)] * PLACES
    refused = client.get(f"/v1/jobs/{job.id}/events")
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "5"
    for _ in range(20):
        assert client.get(f"/v1/jobs/{job.id}").json()["state"] == "queued"
        assert client.get("/healthz").status_code == 200
    jobs.record(job.id, [outcome(0)])
    assert [indexed(stream.next()) for stream in streams] == [("progress", 1)] * PLACES
    jobs.record(job.id, [outcome(1), outcome(2)])
    assert [[indexed(event) for event in stream.rest()] for stream in streams] == [
        [("end", 3)]
    ] * PLACES
    # The connections stay open, but their slots are free again.
    assert indexed(Stream(client, job, opened).next()) == ("end", 3)


def test_a_quiet_stream_is_kept_alive(client: httpx.Client, job: Job, opened: ExitStack) -> None:
    stream = Stream(client, job, opened)
    assert ": still there" in stream.lines


def test_who_goes_away_leaves_a_place(client: httpx.Client, job: Job, opened: ExitStack) -> None:
    leaving = opened.enter_context(ExitStack())
    streams = [Stream(client, job, leaving) for _ in range(PLACES)]
    assert [indexed(stream.next()) for stream in streams] == [("progress", 0)] * PLACES
    assert status(client, job) == 503
    leaving.close()
    others = [wait_for(lambda: another(client, job, opened), 60, "a place") for _ in range(PLACES)]
    assert [indexed(stream.next()) for stream in others] == [("progress", 0)] * PLACES
    assert status(client, job) == 503


def another(client: httpx.Client, job: Job, opened: ExitStack) -> Stream | None:
    stream = Stream(client, job, opened)
    return stream if stream.response.status_code == 200 else None


def test_a_job_that_expires_ends_its_streams(
    client: httpx.Client, redis: Redis, job: Job, opened: ExitStack
) -> None:
    stream = Stream(client, job, opened)
    assert stream.next()[0] == "progress"
    redis.delete(f"glimpse:job:{job.id}")
    ((name, problem),) = stream.rest()
    assert (name, problem["code"]) == ("error", "not_found")


def test_a_redis_that_goes_away_ends_streams_that_come_again(
    client: httpx.Client, server: Valkey, job: Job, opened: ExitStack
) -> None:
    stream = Stream(client, job, opened)
    assert stream.next()[0] == "progress"
    server.kill()
    ((name, problem),) = stream.rest()
    assert (name, problem["code"]) == ("error", "broker_unavailable")
    server.start()
    wait_for(lambda: status(client, job) == 200, 60, "the stream to come again")


def test_a_key_that_is_revoked_ends_its_streams(
    api: Api, redis: Redis, job: Job, opened: ExitStack
) -> None:
    token, key = issue("default", "test", ["read"], time.time())
    RedisKeys(redis).add(key)
    headers = {"Authorization": f"Bearer {token.text}"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=60) as client:
        stream = Stream(client, job, opened)
        assert stream.next()[0] == "progress"
        RedisKeys(redis).revoke(key.id, time.time())
        ((name, problem),) = stream.rest()
        assert (name, problem["code"]) == ("error", "unauthorized")
        assert status(client, job) == 401


def test_an_api_that_is_stopped_ends_its_streams(
    api: Api, client: httpx.Client, job: Job, opened: ExitStack
) -> None:
    streams = [Stream(client, job, opened) for _ in range(PLACES)]
    assert [stream.next()[0] for stream in streams] == ["progress"] * PLACES
    api.stop()
    assert [stream.rest() for stream in streams] == [[]] * PLACES
