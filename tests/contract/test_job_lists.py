"""Lists of jobs, newest first, for every kind of job records."""

from __future__ import annotations

import time
import uuid

import pytest

from common.errors import NotFound
from common.jobs.base import Job, JobRecords, JobState
from common.jobs.list import LIST_PREFIX
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import outcome
from tests.support.services import Valkey


@pytest.fixture
def tenant() -> str:
    """A tenant for one test only, since the tests share Redis."""
    return uuid.uuid4().hex


def new(jobs: JobRecords, tenant: str, created_at: float, total: int = 1) -> Job:
    job = Job(uuid.uuid4().hex, tenant, total, created_at=created_at)
    jobs.create(job, [(f"{n:064x}", f"{n}.jpg") for n in range(total)])
    jobs.accept(job.id)
    return job


def listed(jobs: JobRecords, tenant: str, limit: int, state: JobState | None = None) -> list[str]:
    """Return the job ids of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = jobs.page(tenant, state, limit, cursor)
        assert len(page) <= limit
        found += [job.id for job in page]
        if cursor is None:
            return found


def test_the_newest_come_first_and_every_job_once(jobs: JobRecords, tenant: str) -> None:
    made = [new(jobs, tenant, 1000.0 + number % 7 / 3) for number in range(25)]
    order = [job.id for job in sorted(made, key=lambda job: (job.created_at, job.id), reverse=True)]
    for limit in (1, 2, 7, 24, 25, 26):
        assert listed(jobs, tenant, limit) == order
    assert jobs.page(tenant, None, 3)[0] == [jobs.get(job_id) for job_id in order[:3]]


def test_many_jobs_of_one_moment_are_listed(jobs: JobRecords, tenant: str) -> None:
    made = {new(jobs, tenant, 1000.0).id for _ in range(1200)}
    for limit in (70, 500, 1000):
        assert listed(jobs, tenant, limit) == sorted(made, reverse=True)


def test_pages_are_stable_while_jobs_begin(jobs: JobRecords, tenant: str) -> None:
    made = [new(jobs, tenant, float(number)) for number in range(1, 7)]
    first, cursor = jobs.page(tenant, None, 2)
    new(jobs, tenant, 100.0)
    rest, cursor = jobs.page(tenant, None, 9, cursor)
    assert [job.id for job in first + rest] == [job.id for job in reversed(made)]
    assert cursor is None


def test_a_state_is_that_of_now(jobs: JobRecords, tenant: str) -> None:
    queued, running, good, bad = (new(jobs, tenant, float(n)) for n in range(1, 5))
    jobs.begin(running.id, [0])
    jobs.record(good.id, [outcome(0)])
    jobs.record(bad.id, [outcome(0, "failed", "truncated")])
    states: dict[JobState, list[str]] = {
        "queued": [queued.id],
        "running": [running.id],
        "succeeded": [good.id],
        "failed": [bad.id],
        "partial": [],
        "cancelled": [],
    }
    assert {state: listed(jobs, tenant, 9, state) for state in states} == states
    jobs.cancel(queued.id)
    assert listed(jobs, tenant, 9, "queued") == []
    assert listed(jobs, tenant, 9, "cancelled") == [queued.id]


def test_pages_of_a_state_follow_one_another(jobs: JobRecords, tenant: str) -> None:
    made = [new(jobs, tenant, float(number)) for number in range(1, 31)]
    for job in made[::3]:
        jobs.record(job.id, [outcome(0)])
    assert listed(jobs, tenant, 3, "succeeded") == [job.id for job in reversed(made[::3])]
    assert listed(jobs, tenant, 10, "succeeded") == [job.id for job in reversed(made[::3])]


def test_a_tenant_sees_only_its_own(jobs: JobRecords, tenant: str) -> None:
    mine = new(jobs, tenant, 1.0)
    new(jobs, uuid.uuid4().hex, 2.0)
    assert listed(jobs, tenant, 9) == [mine.id]
    assert jobs.page("nobody", None, 9) == ([], None)


def test_a_job_that_was_never_accepted_is_not_listed(jobs: JobRecords, tenant: str) -> None:
    job = Job(uuid.uuid4().hex, tenant, 1, created_at=1.0)
    jobs.create(job, [("0" * 64, "a.jpg")])
    assert listed(jobs, tenant, 9) == []
    jobs.accept(job.id)
    jobs.accept(job.id)
    assert listed(jobs, tenant, 9) == [job.id]


def test_jobs_that_expired_leave_no_ghosts(valkey: Valkey, tenant: str) -> None:
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=600)
        made = [new(jobs, tenant, float(number)) for number in range(1, 1201)]
        kept = {made[3].id, made[700].id, made[1199].id}
        client.delete(*(f"glimpse:job:{job.id}" for job in made if job.id not in kept))
        key = LIST_PREFIX + tenant
        jobs.trim()
        assert client.zcard(key) < 1200
        assert listed(jobs, tenant, 2) == [made[1199].id, made[700].id, made[3].id]
        assert client.zcard(key) == 3
        client.delete(*(f"glimpse:job:{job_id}" for job_id in kept))
        jobs.trim()
        assert not client.exists(key)
        # The deleted jobs had pending images, so correct the count.
        jobs.recount()


def test_a_record_that_expired_before_it_was_accepted_leaves_nothing(
    valkey: Valkey, tenant: str
) -> None:
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=600)
        with pytest.raises(NotFound):
            jobs.accept("f" * 32)
        assert not client.exists(f"glimpse:job:{'f' * 32}")


def test_six_thousand_jobs_are_not_read_for_a_page(valkey: Valkey, tenant: str) -> None:
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=600)
        made = [new(jobs, tenant, time.time()) for _ in range(6000)]

        def hashes_read() -> int:
            return int(client.info("commandstats")["cmdstat_hgetall"]["calls"])

        before = hashes_read()
        page, cursor = jobs.page(tenant, None, 100)
        assert [job.id for job in page] == [job.id for job in reversed(made[-100:])]
        assert hashes_read() - before == 101
        page, cursor = jobs.page(tenant, "failed", 100)
        assert (page, hashes_read() - before <= 101 + 5500) == ([], True)
        assert cursor is not None
        assert jobs.page(tenant, "failed", 100, cursor)[0] == []
        assert len(listed(jobs, tenant, 1000, "queued")) == 6000
