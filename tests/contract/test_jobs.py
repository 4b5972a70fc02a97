"""Contract tests for job records: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid

import pytest
from redis import Redis

from common.errors import BrokerUnavailable, NotFound
from common.jobs.base import Job, JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.job_records import new_job, outcome
from tests.support.services import Valkey, free_port


def test_a_new_job_is_queued(jobs: JobRecords) -> None:
    job = new_job(jobs, 3)
    assert jobs.get(job.id) == job
    assert jobs.get(job.id).state == "queued"


def test_a_job_is_accepted_as_it_stands(jobs: JobRecords) -> None:
    job = Job(uuid.uuid4().hex, "default", 2, created_at=time.time(), metadata={"year": 2026})
    jobs.create(job, [(f"{n:064x}", f"{n}.jpg") for n in range(2)])
    jobs.record(job.id, [outcome(0, "failed", "truncated")])
    accepted = jobs.accept(job.id)
    assert (accepted.failed, accepted.total, accepted.metadata) == (1, 2, {"year": 2026})
    assert accepted == jobs.get(job.id) == jobs.accept(job.id)


def test_a_job_that_is_not_there_is_not_accepted(jobs: JobRecords) -> None:
    with pytest.raises(NotFound, match="no job nothing"):
        jobs.accept("nothing")
    assert not jobs.is_accepted("nothing")


def test_an_unknown_job_is_not_found(jobs: JobRecords) -> None:
    with pytest.raises(NotFound, match="no job nothing"):
        jobs.get("nothing")
    with pytest.raises(NotFound):
        jobs.items("nothing", None, 10)


def test_a_job_runs_from_its_first_image(jobs: JobRecords) -> None:
    job = new_job(jobs, 2)
    assert jobs.begin(job.id, [0])
    started_at = jobs.get(job.id).started_at
    assert jobs.begin(job.id, [0, 1])
    assert started_at is not None
    assert jobs.get(job.id).started_at == started_at
    assert jobs.get(job.id).state == "running"


def test_what_is_not_begun_is_cancelled(jobs: JobRecords) -> None:
    job = new_job(jobs, 4)
    jobs.begin(job.id, [0, 1])
    jobs.record(job.id, [outcome(0)])
    jobs.cancel(job.id)
    items, _ = jobs.items(job.id, None, 10)
    assert [item.state for item in items] == ["indexed", "queued", "cancelled", "cancelled"]
    assert jobs.get(job.id).state == "running"
    assert not jobs.begin(job.id, [2, 3])
    jobs.record(job.id, [outcome(1), outcome(2)])
    done = jobs.get(job.id)
    assert (done.state, done.indexed, done.cancelled) == ("cancelled", 2, 2)


def test_cancelling_a_finished_job_changes_nothing(jobs: JobRecords) -> None:
    job = new_job(jobs, 1)
    jobs.record(job.id, [outcome(0)])
    before = jobs.get(job.id)
    jobs.cancel(job.id)
    assert jobs.get(job.id) == before


def test_cancelling_is_idempotent_and_asks_for_a_job(jobs: JobRecords) -> None:
    job = new_job(jobs, 2)
    jobs.cancel(job.id)
    jobs.cancel(job.id)
    assert (jobs.get(job.id).state, jobs.get(job.id).cancelled) == ("cancelled", 2)
    with pytest.raises(NotFound):
        jobs.cancel("nothing")


def test_thousands_of_items_are_cancelled(jobs: JobRecords) -> None:
    job = new_job(jobs, 3500)
    jobs.begin(job.id, list(range(1000, 2000)))
    jobs.cancel(job.id)
    assert jobs.get(job.id).cancelled == 2500


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["indexed", "indexed"], "succeeded"),
        (["indexed", "duplicate"], "succeeded"),
        (["indexed", "failed"], "partial"),
        (["duplicate", "failed"], "partial"),
        (["failed", "failed"], "failed"),
        (["indexed", "cancelled"], "cancelled"),
    ],
)
def test_the_state_follows_from_the_outcomes(
    jobs: JobRecords, states: list[str], expected: str
) -> None:
    job = new_job(jobs, len(states))
    for index, state in enumerate(states):
        assert jobs.get(job.id).finished_at is None
        jobs.record(job.id, [outcome(index, state)])
    done = jobs.get(job.id)
    assert done.state == expected
    assert done.finished_at is not None
    assert done.indexed + done.duplicates + done.failed + done.cancelled == done.total


def test_an_outcome_counts_once_and_the_first_counts(jobs: JobRecords) -> None:
    job = new_job(jobs, 2)
    jobs.record(job.id, [outcome(0), outcome(0, "failed", "truncated")])
    jobs.record(job.id, [outcome(0, "duplicate")])
    found = jobs.get(job.id)
    assert (found.indexed, found.failed, found.duplicates) == (1, 0, 0)
    items, _ = jobs.items(job.id, None, 10)
    assert [item.state for item in items] == ["indexed", "queued"]


def test_recording_for_an_expired_job_leaves_nothing(jobs: JobRecords) -> None:
    jobs.record("gone", [outcome(0)])
    assert jobs.begin("gone", [0])
    with pytest.raises(NotFound):
        jobs.get("gone")


def test_what_is_recorded_is_read_by_index(jobs: JobRecords) -> None:
    job = new_job(jobs, 4)
    jobs.record(job.id, [outcome(0), outcome(2, "failed", "truncated")])
    ids = {index: f"{index:064x}" for index in (2, 0, 1)}
    assert jobs.outcomes(job.id, ids) == {0: outcome(0), 2: outcome(2, "failed", "truncated")}
    assert jobs.outcomes(job.id, {}) == {}
    assert jobs.outcomes("gone", ids) == {}


def test_duplicates_that_changed_are_told(jobs: JobRecords) -> None:
    job = new_job(jobs, 3)
    changed = outcome(1, "duplicate").model_copy(update={"changed": True})
    jobs.record(job.id, [outcome(0, "duplicate"), changed])
    jobs.record(job.id, [changed, outcome(2)])
    done = jobs.get(job.id)
    assert (done.duplicates, done.changed, done.done, done.state) == (2, 1, 3, "succeeded")
    for state, expected in ((None, [False, True, False]), ("duplicate", [False, True])):
        items, _ = jobs.items(job.id, state, 10)
        assert [item.changed for item in items] == expected
    ids = {index: f"{index:064x}" for index in range(3)}
    assert jobs.outcomes(job.id, ids)[1] == changed


def test_a_job_keeps_what_it_does_with_duplicates(jobs: JobRecords) -> None:
    job = Job(uuid.uuid4().hex, "default", 0, created_at=time.time(), on_duplicate="replace")
    jobs.create(job, [])
    assert jobs.get(job.id).on_duplicate == "replace"


@pytest.mark.parametrize("request_id", ["a-request", None])
def test_a_job_knows_the_request_that_began_it(jobs: JobRecords, request_id: str | None) -> None:
    job = Job(uuid.uuid4().hex, "default", 0, created_at=time.time(), request=request_id)
    jobs.create(job, [])
    assert jobs.get(job.id).request == request_id


def test_items_come_in_order_page_by_page(jobs: JobRecords) -> None:
    job = new_job(jobs, 5)
    first, following = jobs.items(job.id, None, 2)
    assert [item.filename for item in first] == ["pictures/0.jpg", "pictures/1.jpg"]
    assert following == 2
    second, following = jobs.items(job.id, None, 3, following)
    assert [item.index for item in second] == [2, 3, 4]
    assert following is None


def test_items_are_found_by_their_state(jobs: JobRecords) -> None:
    job = new_job(jobs, 6)
    jobs.record(job.id, [outcome(1, "failed", "truncated"), outcome(2), outcome(4, "failed")])
    failed, following = jobs.items(job.id, "failed", 1)
    assert [(item.index, item.code, item.detail) for item in failed] == [
        (1, "truncated", "truncated")
    ]
    assert following == 4
    assert [item.index for item in jobs.items(job.id, "failed", 9, following)[0]] == [4]
    assert [item.index for item in jobs.items(job.id, "indexed", 9)[0]] == [2]
    queued, following = jobs.items(job.id, "queued", 2)
    assert [item.index for item in queued] == [0, 3]
    assert [item.index for item in jobs.items(job.id, "queued", 2, following or 0)[0]] == [5]
    assert jobs.items(job.id, "cancelled", 9) == ([], None)


def test_thousands_of_items_are_paged(jobs: JobRecords) -> None:
    job = new_job(jobs, 2500)
    jobs.record(job.id, [outcome(n) for n in range(2400)])
    assert jobs.items(job.id, "queued", 1)[0][0].index == 2400
    assert len(jobs.items(job.id, None, 1000, 1500)[0]) == 1000
    assert jobs.get(job.id).indexed == 2400


def test_rate_and_time_left_follow_from_the_start() -> None:
    job = Job("j", "default", total=100, created_at=0, started_at=10, indexed=20, failed=5)
    assert job.rate_per_s(now=15) == 5
    assert job.eta_s(now=15) == 15
    assert Job("j", "default", total=1, created_at=0).eta_s(now=1) is None


def test_a_job_whose_tasks_were_not_all_sent_expires_soon(valkey: Valkey) -> None:
    client: Redis = connect(valkey.url)
    jobs = RedisJobs(client, ttl_s=86_400)
    job = Job(uuid.uuid4().hex, "default", 1, created_at=time.time())
    jobs.create(job, [("0" * 64, "a.jpg")])
    jobs.record(job.id, [outcome(0, "failed", "truncated")])
    keys = [key for key in client.scan_iter() if job.id in key]
    assert len(keys) == 4
    assert all(0 < client.ttl(key) <= 3600 for key in keys)
    jobs.accept(job.id)
    assert all(client.ttl(key) > 3600 for key in keys)
    client.close()


def test_a_redis_that_is_away_is_told() -> None:
    jobs = RedisJobs(connect(f"redis://127.0.0.1:{free_port()}/0"), ttl_s=60)
    with pytest.raises(BrokerUnavailable, match="Redis does not answer"):
        jobs.ping()


def test_the_oldest_job_that_has_not_ended_is_told(jobs: JobRecords) -> None:
    for number in (2, 1):
        job = Job(f"oldest{number}", "default", 1, created_at=float(number))
        jobs.create(job, [(f"{number:064x}", "a.jpg")])
        # A job that is not yet accepted does not count.
        assert jobs.oldest_unfinished() != number
        jobs.accept(job.id)
        assert jobs.oldest_unfinished() == number
    jobs.record("oldest1", [outcome(0)])
    assert jobs.oldest_unfinished() == 2
    jobs.cancel("oldest2")
    assert (jobs.oldest_unfinished() or 3) > 2


def test_without_a_job_none_is_the_oldest() -> None:
    assert MemoryJobs().oldest_unfinished() is None


def test_without_a_job_redis_tells_none(valkey: Valkey) -> None:
    with connect(valkey.url) as client:
        client.delete("glimpse:jobs:unfinished")
        assert RedisJobs(client, ttl_s=600).oldest_unfinished() is None
