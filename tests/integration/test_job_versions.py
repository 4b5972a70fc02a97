"""Records of version 1, written by processes that ran before an upgrade, are read and completed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from common.contract import IngestChunk
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import outcome, record_of_version_1
from tests.support.services import Valkey


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def jobs(redis: Redis) -> RedisJobs:
    return RedisJobs(redis, ttl_s=600)


def accepted(redis: Redis, jobs: RedisJobs, total: int, *, growing: bool = False) -> Job:
    job = Job(uuid.uuid4().hex, "default", total, created_at=time.time(), growing=growing)
    record_of_version_1(redis, job)
    return jobs.accept(job.id)


def test_a_job_of_version_1_runs_to_its_end(redis: Redis, jobs: RedisJobs) -> None:
    job = accepted(redis, jobs, 3)
    assert jobs.begin(job.id, [0, 1])
    jobs.record(job.id, [outcome(0), outcome(1, "failed", "truncated")])
    jobs.record(job.id, [outcome(0, "duplicate")])
    ids = {index: f"{index:064x}" for index in range(3)}
    assert jobs.outcomes(job.id, ids) == {0: outcome(0), 1: outcome(1, "failed", "truncated")}
    assert jobs.pending() == 1
    jobs.record(job.id, [outcome(2, "duplicate")])
    found = jobs.get(job.id)
    assert (found.state, found.indexed, found.failed, found.duplicates) == ("partial", 1, 1, 1)
    assert jobs.pending() == 0
    assert all(0 < redis.ttl(key) <= 600 for key in redis.scan_iter(f"*{job.id}*"))


def test_its_items_are_paged(redis: Redis, jobs: RedisJobs) -> None:
    job = accepted(redis, jobs, 4)
    jobs.record(job.id, [outcome(1, "failed", "truncated"), outcome(3, "failed", "truncated")])
    items, following = jobs.items(job.id, None, 2)
    assert [(item.id, item.filename, item.state) for item in items] == [
        (f"{0:064x}", "pictures/0.jpg", "queued"),
        (f"{1:064x}", "pictures/1.jpg", "failed"),
    ]
    assert following == 2
    failed, following = jobs.items(job.id, "failed", 1)
    assert [(item.index, item.code) for item in failed] == [(1, "truncated")]
    assert following == 3
    assert [item.index for item in jobs.items(job.id, "queued", 9)[0]] == [0, 2]


def test_it_is_cancelled(redis: Redis, jobs: RedisJobs) -> None:
    job = accepted(redis, jobs, 3)
    jobs.begin(job.id, [0])
    jobs.cancel(job.id)
    assert [item.state for item in jobs.items(job.id, None, 9)[0]] == [
        "queued",
        "cancelled",
        "cancelled",
    ]


def test_its_archive_goes_on(redis: Redis, jobs: RedisJobs) -> None:
    job = accepted(redis, jobs, 1, growing=True)
    assert jobs.extend(job.id, 1, [("f" * 64, "a.jpg")]) == 1
    assert [(item.id, item.state) for item in jobs.items(job.id, "queued", 9)[0]] == [
        (f"{0:064x}", "queued"),
        ("f" * 64, "queued"),
    ]
    jobs.complete(job.id)
    jobs.record(job.id, [outcome(0), outcome(1)])
    assert jobs.get(job.id).state == "succeeded"


def test_a_job_that_an_earlier_version_accepted_is_recovered_and_counted(
    redis: Redis, jobs: RedisJobs
) -> None:
    job = accepted(redis, jobs, 2)
    # An earlier version does not write these.
    redis.delete("glimpse:jobs:open", "glimpse:jobs:queued:default")
    jobs.recount()
    assert jobs.pending() == 2
    assert jobs.overdue("default", time.time() + 60, -60) == [job.id]
    redis.delete(f"glimpse:job:{job.id}")
    jobs.recount()
    assert jobs.pending() == 0


def test_a_task_of_version_1_is_read() -> None:
    chunk = {"version": 1, "job_id": "j", "items": [{"index": 0, "id": "0" * 64, "filename": "a"}]}
    assert IngestChunk.model_validate(chunk).version == 1
