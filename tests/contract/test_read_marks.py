"""Contract tests for read marks, and for the jobs that raise them: Valkey, Redis, and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.contract import Outcome
from common.jobs.base import Job, JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.read_marks.base import ReadMark, ReadMarks
from common.read_marks.memory import MemoryReadMarks
from common.read_marks.redis import RedisReadMarks
from common.redis.client import connect
from tests.conftest import require
from tests.support.polling import wait_for
from tests.support.services import RedisServer, Valkey, free_port

# Neighbours as a 64-bit integer, and the same number as a double.
EARLY, LATE = "00470730563783753730", "00470730563783753731"
IDS = ["a" * 64, "b" * 64]
KEYS = ("glimpse:marks", "glimpse:marks:epochs")

Both = tuple[ReadMarks, JobRecords]


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    if request.param == "memory":
        memory = MemoryReadMarks()
        yield memory, MemoryJobs(memory)
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        client.delete(*KEYS)
        yield RedisReadMarks(client), RedisJobs(client, ttl_s=600)
        client.delete(*KEYS)


@pytest.fixture
def marks(both: Both) -> ReadMarks:
    return both[0]


@pytest.fixture
def jobs(both: Both) -> JobRecords:
    """Job records of the marks, of which those of the collections ``c`` and ``d`` count."""
    marks, jobs = both
    for collection in "cd":
        marks.establish(ReadMark(collection, "0" * 20), marks.read().epoch)
    return jobs


def begin(jobs: JobRecords, total: int = 2, *, growing: bool = False) -> str:
    """Begin a job, accept it, and return its id."""
    job = Job(uuid.uuid4().hex, "default", total, created_at=time.time(), growing=growing)
    jobs.create(job, [(image, "a.png") for image in IDS[:total]])
    jobs.accept(job.id)
    return job.id


def record(jobs: JobRecords, job_id: str, index: int, mark: ReadMark | None) -> None:
    jobs.record(job_id, [Outcome(index=index, id=IDS[index], state="indexed")], mark)


def test_a_mark_counts_once_it_is_established(marks: ReadMarks) -> None:
    assert marks.read().times == {}
    marks.advance([ReadMark("c", LATE)])
    assert marks.read().times == {}
    marks.establish(ReadMark("c", EARLY), marks.read().epoch)
    assert marks.read().times == {"c": LATE}


def test_an_established_mark_counts_in_its_epoch_only(marks: ReadMarks) -> None:
    marks.establish(ReadMark("c", EARLY), "an earlier run of Redis")
    assert marks.read().times == {}
    marks.establish(ReadMark("c", EARLY), marks.read().epoch)
    assert marks.read().times == {"c": EARLY}


def test_a_mark_only_rises_however_close_the_times_are(marks: ReadMarks) -> None:
    marks.establish(ReadMark("c", EARLY), marks.read().epoch)
    marks.advance([ReadMark("c", LATE), ReadMark("d", EARLY)])
    assert marks.read().times == {"c": LATE}
    marks.advance([ReadMark("c", EARLY)])
    assert marks.read().times == {"c": LATE}
    marks.advance([])


def test_concurrent_workers_leave_the_latest_time(marks: ReadMarks) -> None:
    marks.establish(ReadMark("c", EARLY), marks.read().epoch)
    times = [f"{int(EARLY) + offset:020}" for offset in range(50)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda at: marks.advance([ReadMark("c", at)]), times[::-1]))
    assert marks.read().times == {"c": times[-1]}


def test_the_last_outcome_of_a_job_raises_the_mark(jobs: JobRecords, marks: ReadMarks) -> None:
    job_id = begin(jobs)
    record(jobs, job_id, 0, ReadMark("c", LATE))
    assert marks.read().times["c"] == "0" * 20
    record(jobs, job_id, 1, ReadMark("c", EARLY))
    assert jobs.get(job_id).state == "succeeded"
    assert marks.read().times["c"] == LATE


def test_every_collection_that_a_job_wrote_to_is_marked(jobs: JobRecords, marks: ReadMarks) -> None:
    job_id = begin(jobs)
    record(jobs, job_id, 0, ReadMark("c", LATE))
    record(jobs, job_id, 1, ReadMark("d", EARLY))
    assert marks.read().times == {"c": LATE, "d": EARLY}


def test_outcomes_of_a_running_job_raise_the_mark_when_they_are_read(
    jobs: JobRecords, marks: ReadMarks
) -> None:
    job_id = begin(jobs)
    record(jobs, job_id, 0, ReadMark("c", LATE))
    jobs.items(job_id, "queued", 10)
    assert marks.read().times["c"] == "0" * 20
    items, _ = jobs.items(job_id, None, 10)
    assert [item.state for item in items] == ["indexed", "queued"]
    assert marks.read().times["c"] == LATE
    record(jobs, job_id, 1, ReadMark("c", EARLY))
    assert marks.read().times["c"] == LATE


def test_an_outcome_without_a_mark_changes_none(jobs: JobRecords, marks: ReadMarks) -> None:
    job_id = begin(jobs)
    record(jobs, job_id, 0, ReadMark("c", EARLY))
    record(jobs, job_id, 1, None)
    assert marks.read().times["c"] == EARLY


END: dict[str, Callable[[JobRecords, str], object]] = {
    "complete": lambda jobs, job_id: jobs.complete(job_id),
    "cancel": lambda jobs, job_id: jobs.cancel(job_id),
}


@pytest.mark.parametrize("end", END.values(), ids=END)
def test_the_end_of_a_growing_job_raises_the_mark(
    jobs: JobRecords, marks: ReadMarks, end: Callable[[JobRecords, str], object]
) -> None:
    job_id = begin(jobs, growing=True)
    for index in range(2):
        record(jobs, job_id, index, ReadMark("c", LATE))
    assert marks.read().times["c"] == "0" * 20
    end(jobs, job_id)
    assert marks.read().times["c"] == LATE


def test_outcomes_before_a_job_is_accepted_count_too(jobs: JobRecords, marks: ReadMarks) -> None:
    job = Job(uuid.uuid4().hex, "default", 1, created_at=time.time())
    jobs.create(job, [(IDS[0], "a.png")])
    record(jobs, job.id, 0, ReadMark("c", LATE))
    jobs.accept(job.id)
    assert marks.read().times["c"] == LATE


@pytest.mark.parametrize("server", [Valkey, RedisServer])
def test_no_mark_counts_after_a_restart(
    server: type[Valkey] | type[RedisServer], tmp_path: Path
) -> None:
    require(server)
    with server(tmp_path) as service, connect(service.url, retries=5) as client:
        marks = RedisReadMarks(client)
        before = marks.read().epoch
        marks.establish(ReadMark("c", EARLY), before)
        service.kill()
        service.start()
        assert marks.read().times == {}
        assert marks.read().epoch != before
        marks.establish(ReadMark("c", EARLY), before)
        assert marks.read().times == {}
        marks.establish(ReadMark("c", EARLY), marks.read().epoch)
        assert marks.read().times == {"c": EARLY}


def test_no_mark_counts_on_a_replica_or_after_its_promotion(tmp_path: Path) -> None:
    require(Valkey)
    with (
        Valkey(tmp_path / "one") as one,
        Valkey(tmp_path / "other") as other,
        connect(one.url) as client,
        connect(other.url) as replica,
    ):
        marks = RedisReadMarks(client)
        marks.establish(ReadMark("c", EARLY), marks.read().epoch)
        assert marks.read().times == {"c": EARLY}
        replica.slaveof("127.0.0.1", one.port)
        wait_for(lambda: replica.exists(*KEYS) == len(KEYS), 60, "the replica")
        assert RedisReadMarks(replica).read().times == {}
        replica.slaveof()
        assert RedisReadMarks(replica).read().times == {}
        # A primary that was a replica for a while has not restarted, but may lack later changes.
        client.slaveof("127.0.0.1", free_port())
        client.slaveof()
        assert marks.read().times == {}
