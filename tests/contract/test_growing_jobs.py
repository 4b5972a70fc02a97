"""Contract tests for jobs that grow, and for counts over all jobs: fake and real."""

from __future__ import annotations

import time
import uuid

import pytest

from common.contract import Outcome
from common.errors import NotFound
from common.jobs.base import Job, JobRecords
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import new_job, outcome
from tests.support.polling import wait_for
from tests.support.services import Valkey


def growing_job(jobs: JobRecords) -> Job:
    job = Job(
        uuid.uuid4().hex,
        "default",
        0,
        created_at=time.time(),
        growing=True,
        source='{"archive": "a.zip"}',
        tags=("dog",),
        metadata={"year": 2026},
    )
    jobs.create(job, [])
    jobs.accept(job.id)
    return job


def named(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(f"{n:064x}", f"{n}.jpg") for n in range(first, first + count)]


def test_a_job_keeps_what_its_tasks_need(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    assert jobs.get(job.id) == job


def test_a_growing_job_ends_only_once_it_is_complete(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    assert jobs.get(job.id).state == "queued"
    jobs.begin(job.id, [])
    jobs.extend(job.id, 0, named(2))
    jobs.record(job.id, [outcome(0), outcome(1)])
    found = jobs.get(job.id)
    assert (found.state, found.total, found.finished_at) == ("running", 2, None)
    jobs.extend(job.id, 2, named(1, first=2))
    jobs.complete(job.id)
    assert jobs.get(job.id).state == "running"
    jobs.record(job.id, [outcome(2)])
    assert jobs.get(job.id).state == "succeeded"
    assert jobs.get(job.id).finished_at is not None


def test_a_job_that_completes_with_all_done_ends(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    jobs.extend(job.id, 0, named(1))
    jobs.record(job.id, [outcome(0)])
    jobs.complete(job.id)
    assert jobs.get(job.id).finished_at is not None


def test_what_an_archive_skipped_is_kept_from_its_end(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    assert jobs.get(job.id).skipped == {}
    jobs.complete(job.id, {".txt": 3, "__MACOSX/": 2})
    # As for a task that is delivered again.
    jobs.complete(job.id, {".txt": 6})
    assert jobs.get(job.id).skipped == {".txt": 3, "__MACOSX/": 2}


def test_what_is_added_again_is_there_once(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    assert jobs.extend(job.id, 0, named(3)) == 3
    assert jobs.extend(job.id, 0, named(2)) == 0
    assert jobs.extend(job.id, 2, named(2, first=2)) == 1
    assert jobs.get(job.id).total == 4
    items, _ = jobs.items(job.id, "queued", 10)
    assert [item.filename for item in items] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_thousands_are_added(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    assert jobs.extend(job.id, 0, named(3500)) == 3500
    assert jobs.get(job.id).total == 3500
    assert jobs.items(job.id, "queued", 1, 3499)[0][0].filename == "3499.jpg"


def test_only_a_growing_job_grows(jobs: JobRecords) -> None:
    job = new_job(jobs, 1)
    jobs.extend(job.id, 1, named(1, first=1))
    jobs.complete(job.id)
    assert jobs.extend("gone", 0, named(1)) == 0
    jobs.complete("gone")
    assert jobs.get(job.id).total == 1
    with pytest.raises(NotFound):
        jobs.get("gone")


def test_a_growing_job_that_is_cancelled_grows_no_more(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    jobs.extend(job.id, 0, named(2))
    jobs.begin(job.id, [0])
    jobs.cancel(job.id)
    jobs.extend(job.id, 2, named(1, first=2))
    jobs.record(job.id, [outcome(0)])
    found = jobs.get(job.id)
    assert (found.state, found.total, found.indexed, found.cancelled) == ("cancelled", 2, 1, 1)
    assert found.finished_at is not None


def test_an_archive_that_is_cancelled_before_it_is_opened_ends_at_once(jobs: JobRecords) -> None:
    job = growing_job(jobs)
    jobs.cancel(job.id)
    assert (jobs.get(job.id).state, jobs.get(job.id).total) == ("cancelled", 0)
    assert jobs.get(job.id).finished_at is not None
    assert not jobs.begin(job.id, [])


def test_pending_images_are_those_accepted_without_an_outcome(jobs: JobRecords) -> None:
    before = jobs.pending()
    job = Job(uuid.uuid4().hex, "default", 3, created_at=time.time())
    jobs.create(job, named(3))
    jobs.record(job.id, [outcome(0)])
    assert jobs.pending() == before
    jobs.accept(job.id)
    jobs.accept(job.id)
    assert jobs.pending() == before + 2
    jobs.record(job.id, [outcome(0), outcome(1)])
    assert jobs.pending() == before + 1
    growing = growing_job(jobs)
    jobs.extend(growing.id, 0, named(2))
    assert jobs.pending() == before + 3
    jobs.recount()
    assert jobs.pending() == before + 3
    jobs.cancel(job.id)
    jobs.cancel(growing.id)
    assert jobs.pending() == before
    jobs.recount()
    assert jobs.pending() == before


def overdue(jobs: JobRecords, unchanged_s: float) -> list[str]:
    return jobs.overdue("default", time.time() + 60, unchanged_s)


def test_a_job_that_does_not_change_is_overdue(jobs: JobRecords) -> None:
    job = new_job(jobs, 2)
    assert "default" in jobs.tenants()
    assert job.id not in overdue(jobs, 60)
    assert job.id in overdue(jobs, -60)
    assert job.id not in jobs.overdue("other", time.time() + 60, -60)
    wait_for(lambda: job.id in overdue(jobs, 1), 30, "a second without a change")
    jobs.begin(job.id, [0])
    assert job.id not in overdue(jobs, 60)
    jobs.record(job.id, [outcome(0), outcome(1)])
    assert job.id not in overdue(jobs, -60)


def test_a_job_with_a_task_in_a_queue_is_not_overdue(jobs: JobRecords) -> None:
    job, growing = new_job(jobs, 2), growing_job(jobs)
    time.sleep(0.01)
    before = time.time()
    assert {job.id, growing.id} <= set(jobs.overdue("default", before, -60))
    time.sleep(0.01)
    jobs.requeued(job.id)
    jobs.extend(growing.id, 0, named(1))
    assert not {job.id, growing.id} & set(jobs.overdue("default", before, -60))
    jobs.cancel(job.id)
    jobs.requeued(job.id)
    jobs.requeued("nothing")
    assert job.id not in overdue(jobs, -60)
    jobs.cancel(growing.id)


def test_overdue_jobs_are_read_a_page_at_a_time(
    jobs: JobRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.jobs.redis._PAGE", 2)
    made = []
    for _ in range(5):
        made.append(new_job(jobs, 1).id)
        # Two jobs of the same millisecond may be found in two calls.
        time.sleep(0.002)
    assert set(made) <= set(overdue(jobs, -60))
    for job_id in made:
        jobs.cancel(job_id)


def test_a_jobs_times_are_of_one_clock_whoever_writes_them(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(valkey.url)
    jobs = RedisJobs(client, ttl_s=600)
    job, right = new_job(jobs, 1), time.time
    # The worker's clock is five minutes fast.
    monkeypatch.setattr(time, "time", lambda: right() + 300)
    assert job.id not in overdue(jobs, 60)
    jobs.begin(job.id, [0])
    jobs.record(job.id, [outcome(0)])
    found = jobs.get(job.id)
    assert found.started_at is not None
    assert found.finished_at is not None
    assert found.created_at - 1 < found.started_at <= found.finished_at < found.created_at + 60
    client.close()


def test_pending_images_of_expired_jobs_are_struck_off(valkey: Valkey) -> None:
    client = connect(valkey.url)
    client.flushdb()
    jobs = RedisJobs(client, ttl_s=600)
    job = new_job(jobs, 3)
    client.delete(*[key for key in client.scan_iter() if job.id in key])
    assert jobs.pending() == 3
    jobs.recount()
    assert jobs.pending() == 0
    assert overdue(jobs, -60) == []
    client.close()


def test_pending_images_are_counted_by_tenant(jobs: JobRecords) -> None:
    tenant, other = (f"t{uuid.uuid4().hex[:8]}" for _ in range(2))
    ids = []
    for owner, total in ((tenant, 3), (tenant, 2), (other, 4)):
        job = Job(uuid.uuid4().hex, owner, total, created_at=time.time())
        jobs.create(job, named(total))
        assert jobs.pending_of(owner) in (0, 3)
        jobs.accept(job.id)
        ids.append(job.id)
    jobs.record(ids[0], [outcome(0), outcome(0), outcome(1, "failed", "empty")])
    for _ in range(2):
        assert (jobs.pending_of(tenant), jobs.pending_of(other)) == (3, 4)
        jobs.recount()
    jobs.cancel(ids[2])
    assert jobs.pending_of(other) == 0


def test_a_job_that_changes_images_has_outcomes_of_its_own_and_no_backlog(
    jobs: JobRecords,
) -> None:
    pending = jobs.pending()
    job = Job(
        uuid.uuid4().hex,
        "editor",
        0,
        created_at=time.time(),
        kind="edit",
        growing=True,
        source="{}",
    )
    jobs.create(job, [])
    jobs.accept(job.id)
    jobs.extend(job.id, 0, named(3))
    jobs.complete(job.id)
    assert (jobs.pending(), jobs.pending_of("editor")) == (pending, 0)
    modified = Outcome(index=0, id=named(1)[0][0], state="modified")
    unchanged = Outcome(index=1, id=named(1, 1)[0][0], state="unchanged")
    jobs.record(job.id, [modified, unchanged])
    assert jobs.outcomes(job.id, {0: modified.id, 1: unchanged.id}) == {0: modified, 1: unchanged}
    assert [item.index for item in jobs.items(job.id, "unchanged", 10)[0]] == [1]
    jobs.record(job.id, [modified.model_copy(update={"index": 2, "id": named(1, 2)[0][0]})])
    found = jobs.get(job.id)
    assert (found.kind, found.state, found.done) == ("edit", "succeeded", 3)
    assert (found.modified, found.unchanged) == (2, 1)
    assert (jobs.pending(), jobs.pending_of("editor")) == (pending, 0)
