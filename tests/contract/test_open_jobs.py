"""Contract tests for open jobs, to which requests add images: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.errors import Conflict, JobCancelled, JobComplete, JobNotOpen, NotFound
from common.jobs.base import Job, JobRecords
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import new_job, outcome
from tests.support.services import Valkey


def open_job(jobs: JobRecords, tenant: str = "default") -> Job:
    job = Job(
        uuid.uuid4().hex,
        tenant,
        0,
        created_at=time.time(),
        growing=True,
        opened=True,
        name="Crete",
        tags=("dog",),
        metadata={"year": 2026},
        on_duplicate="replace",
    )
    jobs.create(job, [])
    jobs.accept(job.id)
    return job


def new_growing_job(jobs: JobRecords) -> Job:
    """Return the job of an archive that is being unpacked."""
    job = Job(uuid.uuid4().hex, "default", 0, created_at=time.time(), growing=True, source="{}")
    jobs.create(job, [])
    return jobs.accept(job.id)


def named(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(f"{n:064x}", f"{n}.jpg") for n in range(first, first + count)]


def test_an_open_job_is_kept_and_grows_until_it_is_completed(jobs: JobRecords) -> None:
    job = open_job(jobs)
    assert jobs.get(job.id) == job
    assert job.is_open
    assert jobs.add(job.id, named(2)) == [0, 1]
    jobs.record(job.id, [outcome(0), outcome(1)])
    assert jobs.get(job.id).is_open
    assert jobs.add(job.id, named(1, first=2)) == [2]
    jobs.complete(job.id)
    jobs.complete(job.id)
    assert (jobs.get(job.id).is_open, jobs.get(job.id).finished_at) == (False, None)
    jobs.record(job.id, [outcome(2)])
    assert (jobs.get(job.id).state, jobs.get(job.id).total) == ("succeeded", 3)


def test_a_job_has_each_image_once(jobs: JobRecords) -> None:
    tenant = uuid.uuid4().hex
    job = open_job(jobs, tenant)
    assert jobs.add(job.id, named(3)) == [0, 1, 2]
    jobs.begin(job.id, [0])
    assert jobs.add(job.id, [*named(2), ("f" * 64, "f.jpg"), ("f" * 64, "g.jpg")]) == [
        None,
        1,
        3,
        3,
    ]
    jobs.record(job.id, [outcome(1)])
    assert jobs.add(job.id, named(3)) == [None, None, 2]
    items, _ = jobs.items(job.id, None, 10)
    assert [item.filename for item in items] == ["0.jpg", "1.jpg", "2.jpg", "f.jpg"]
    assert (jobs.get(job.id).total, jobs.pending_of(tenant)) == (4, 3)
    jobs.cancel(job.id)


def test_concurrent_additions_get_dense_indices(jobs: JobRecords) -> None:
    job = open_job(jobs)
    # Consecutive additions share half of their images.
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: jobs.add(job.id, named(20, first=10 * n)), range(40)))
    items, _ = jobs.items(job.id, None, 1000)
    assert jobs.get(job.id).total == len(items) == 410
    assert [item.index for item in items] == list(range(410))
    assert {item.id for item in items} == {image_id for image_id, _ in named(410)}
    jobs.cancel(job.id)


def test_thousands_are_added(jobs: JobRecords) -> None:
    job = open_job(jobs)
    assert jobs.add(job.id, named(2500)) == list(range(2500))
    jobs.cancel(job.id)


def test_only_an_open_job_takes_images(jobs: JobRecords) -> None:
    def refused(job_id: str, error: type[Conflict | NotFound]) -> None:
        total = 0 if error is NotFound else jobs.get(job_id).total
        with pytest.raises(error) as raised:
            jobs.add(job_id, named(1, first=7))
        assert type(raised.value) is error
        assert error is NotFound or jobs.get(job_id).total == total

    refused("0" * 32, NotFound)
    refused(new_job(jobs, 1).id, JobNotOpen)
    complete, cancelled = open_job(jobs), open_job(jobs)
    jobs.complete(complete.id)
    refused(complete.id, JobComplete)
    jobs.add(cancelled.id, named(2))
    jobs.cancel(cancelled.id)
    refused(cancelled.id, JobCancelled)
    assert (jobs.get(cancelled.id).state, jobs.get(cancelled.id).cancelled) == ("cancelled", 2)


def test_a_job_without_additions_is_closed(jobs: JobRecords) -> None:
    job, growing, empty = open_job(jobs), new_growing_job(jobs), open_job(jobs)
    jobs.add(job.id, named(1))
    jobs.close_idle(60)
    assert jobs.get(job.id).is_open
    time.sleep(0.05)
    assert jobs.close_idle(0.04) >= 2
    assert not jobs.get(job.id).is_open
    assert jobs.get(growing.id).growing
    assert (jobs.get(empty.id).state, jobs.get(empty.id).total) == ("succeeded", 0)
    jobs.record(job.id, [outcome(0)])
    assert jobs.get(job.id).state == "succeeded"
    jobs.cancel(growing.id)


def test_an_open_job_is_found_by_its_name(jobs: JobRecords) -> None:
    tenant = uuid.uuid4().hex
    assert jobs.find_open(tenant, "Crete") is None
    first, second = open_job(jobs, tenant), open_job(jobs, tenant)
    assert jobs.find_open(tenant, "Crete") == second
    assert jobs.find_open("another", "Crete") is None
    # The second one's name stays.
    jobs.complete(first.id)
    assert jobs.find_open(tenant, "Crete") == second
    jobs.cancel(second.id)
    assert jobs.find_open(tenant, "Crete") is None


def test_what_an_open_job_needs_in_redis_goes_when_it_ends(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        jobs = RedisJobs(client, ttl_s=600)
        for end in (jobs.complete, jobs.cancel):
            job = open_job(jobs)
            opened_at = client.zscore("glimpse:jobs:additions", job.id)
            assert opened_at is not None
            time.sleep(0.002)
            jobs.add(job.id, named(3))
            added_at = client.zscore("glimpse:jobs:additions", job.id)
            assert added_at is not None
            assert added_at > opened_at
            key = f"glimpse:job:{job.id}:ids"
            assert client.hlen(key) == 3
            end(job.id)  # type: ignore[operator]  # both take a job's id
            assert not client.exists(key)
            assert client.zscore("glimpse:jobs:additions", job.id) is None
            assert not client.hexists("glimpse:jobs:names:default", "Crete")
