"""Contract tests for starting a job in one step: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import pytest
from redis import Redis

from common.broker.prepared import PreparedTask
from common.jobs.base import Job, JobRecords
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import outcome
from tests.support.services import Valkey

FAILED = outcome(1, "failed", "truncated")


def new(total: int, tenant: str = "") -> Job:
    job_id = uuid.uuid4().hex
    # A tenant of its own, because others' images count as pending too.
    return Job(job_id, tenant or f"of-{job_id}", total, created_at=time.time(), tags=("dog",))


def named(total: int) -> list[tuple[str, str]]:
    return [(f"{n:064x}", f"ä/{n}.jpg") for n in range(total)]


def test_a_job_starts_with_what_is_known(jobs: JobRecords) -> None:
    job = replace(new(3), request="r", metadata={"year": 2026}, on_duplicate="merge")
    started = jobs.start(job, named(3), [FAILED], [])
    assert started == jobs.get(job.id) == replace(job, failed=1)
    assert jobs.is_accepted(job.id)
    assert jobs.pending_of(job.tenant) == 2
    items, _ = jobs.items(job.id, None, 10)
    assert [(item.id, item.filename) for item in items] == named(3)
    assert [(item.state, item.code) for item in items] == [
        ("queued", None),
        ("failed", "truncated"),
        ("queued", None),
    ]
    assert jobs.page(job.tenant, None, 10)[0] == [started]
    assert jobs.overdue(job.tenant, time.time() + 60, -60) == [job.id]


def test_a_started_job_runs_to_its_end(jobs: JobRecords) -> None:
    job = new(3)
    jobs.start(job, named(3), [FAILED], [])
    assert jobs.begin(job.id, [0, 2])
    jobs.record(job.id, [outcome(0), outcome(2)])
    ended = jobs.get(job.id)
    assert (ended.state, ended.indexed, ended.failed) == ("partial", 2, 1)
    assert jobs.pending_of(job.tenant) == 0


def test_a_job_without_usable_images_ends_at_its_start(jobs: JobRecords) -> None:
    job = new(2)
    failed = [outcome(0, "failed", "empty"), FAILED]
    ended = jobs.start(job, named(2), failed, [])
    assert (ended.state, ended.failed) == ("failed", 2)
    assert ended.finished_at is not None
    assert ended == jobs.get(job.id)
    assert jobs.pending_of(job.tenant) == 0


def test_starting_a_job_again_changes_nothing(jobs: JobRecords) -> None:
    job = new(2)
    jobs.start(job, named(2), [], [])
    jobs.record(job.id, [outcome(0)])
    again = jobs.start(job, named(2), [], [])
    assert (again.indexed, again.total) == (1, 2)
    assert jobs.pending_of(job.tenant) == 1


def test_a_job_of_many_images_starts(jobs: JobRecords) -> None:
    job = new(10_000)
    failed = [outcome(n, "failed", "empty") for n in range(0, 10_000, 2)]
    assert jobs.start(job, named(10_000), failed, []).failed == 5000
    items, following = jobs.items(job.id, "queued", 1000, 9000)
    assert ([item.index for item in items], following) == (list(range(9001, 10_000, 2)), None)
    assert items[-1].filename == "ä/9999.jpg"


def test_tasks_are_put_into_their_queues_in_their_order(jobs: JobRecords) -> None:
    put: list[str] = []
    queues = uuid.uuid4().hex, uuid.uuid4().hex
    tasks = [
        PreparedTask(queues[n % 2], text, lambda text=text: put.append(text))
        for n, text in enumerate(["a", '{"b": "\\ud800"}', "ü"])
    ]
    jobs.start(new(3), named(3), [], tasks)
    if isinstance(jobs, RedisJobs):
        client: Redis = jobs._redis  # The queues are in its database.
        put += [*client.lrange(queues[0], 0, -1)[::-1], *client.lrange(queues[1], 0, -1)]
        assert put == ["a", "ü", '{"b": "\\ud800"}']
    else:
        assert put == ["a", '{"b": "\\ud800"}', "ü"]


def test_a_full_redis_starts_nothing(valkey: Valkey) -> None:
    job, queue = new(1), uuid.uuid4().hex
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=600)
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(Exception, match="out of memory"):
                jobs.start(job, named(1), [], [PreparedTask(queue, "a", lambda: None)])
        finally:
            client.config_set("maxmemory", 0)
        assert not jobs.is_accepted(job.id)
        assert [key for key in client.scan_iter() if job.id in key or key == queue] == []


def test_a_started_job_is_kept_until_some_time_after_its_end(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=86_400)
        going, ended = new(2), new(1)
        jobs.start(going, named(2), [FAILED], [])
        jobs.start(ended, named(1), [outcome(0, "failed", "empty")], [])
        for job, is_kept in ((going, True), (ended, False)):
            keys = list(client.scan_iter(f"glimpse:job:{job.id}*"))
            assert len(keys) == 4
            assert all((client.ttl(key) == -1) == is_kept for key in keys)
