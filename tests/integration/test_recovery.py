"""Recovery of lost tasks: those missing from every queue are sent again, others are not."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from kombu.transport.redis import Channel
from redis import Redis

from common.broker.queues import payloads
from common.broker.sender import TaskSender
from common.contract import (
    INGEST_ARCHIVE,
    INGEST_CHUNK,
    INGEST_QUEUE,
    ChunkItem,
    IngestArchive,
    IngestChunk,
    Message,
    Outcome,
)
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.models.redis import RedisModels
from common.redis_client import connect
from common.redis_time import RedisClock
from common.settings import load_settings
from tests.support.services import Valkey
from worker.upkeep.lost_tasks import LostTasks

# Seconds of a lease; a job without changes for two leases counts as stalled.
LEASE_S = 0.1


@dataclass
class Bench:
    """The search for lost tasks, the tasks it sends, and a queue with real messages."""

    redis: Redis
    jobs: RedisJobs
    sender: TaskSender
    lost_tasks: LostTasks
    sent: list[IngestChunk] = field(default_factory=list)
    archives: list[IngestArchive] = field(default_factory=list)

    def job(self, images: int) -> Job:
        """Write an accepted job without any task."""
        job = Job(
            uuid.uuid4().hex,
            "default",
            images,
            created_at=time.time(),
            tags=("dog",),
            metadata={"year": 2026},
        )
        self.jobs.create(job, [(f"{n:064x}", f"{n}.jpg") for n in range(images)])
        self.jobs.accept(job.id)
        return job

    def enqueue(self, job: Job, *indices: int) -> None:
        """Send a real task for some images of a job."""
        items = [ChunkItem(index=n, id=f"{n:064x}", filename=f"{n}.jpg") for n in indices]
        chunk = IngestChunk(job_id=job.id, items=items)
        self.sender.send(INGEST_CHUNK, INGEST_QUEUE, f"{job.id}.{indices[0]}", chunk)

    def take_in_hand(self) -> None:
        """Move the next message to the unacknowledged ones, as kombu does for a worker."""
        text = self.redis.rpop(INGEST_QUEUE)
        entry = json.dumps([json.loads(str(text)), "", INGEST_QUEUE])
        self.redis.hset(Channel.unacked_key, uuid.uuid4().hex, entry)

    def look_later(self) -> list[list[int]]:
        """Recover once the jobs have stalled; return the indices in each task sent."""
        time.sleep(LEASE_S * 2.5)
        self.lost_tasks.recover()
        return [[item.index for item in chunk.items] for chunk in self.sent]


@pytest.fixture
def bench(valkey: Valkey) -> Iterator[Bench]:
    with connect(valkey.url) as redis:
        redis.flushdb()
        jobs = RedisJobs(redis, ttl_s=600)
        sent: list[IngestChunk] = []
        archives: list[IngestArchive] = []

        def send(task: str, task_id: str, message: Message) -> None:
            assert task_id.startswith(str(message.model_dump()["job_id"]))
            if task == INGEST_ARCHIVE:
                archives.append(IngestArchive.model_validate(message.model_dump()))
            else:
                sent.append(IngestChunk.model_validate(message.model_dump()))

        lost_tasks = LostTasks(
            lambda: payloads(redis, ["ingest"]), jobs, send, LEASE_S, chunk_images=2
        )
        settings = load_settings({"GLIMPSE_REDIS_URL": valkey.url})
        sender = TaskSender(settings, RedisClock(redis), RedisModels(redis))
        yield Bench(redis, jobs, sender, lost_tasks, sent, archives)
        redis.flushdb()


def test_what_is_in_no_queue_is_sent_again(bench: Bench) -> None:
    job = bench.job(5)
    bench.enqueue(job, 0)
    bench.enqueue(job, 1, 2)
    bench.take_in_hand()
    assert bench.look_later() == [[3, 4]]
    chunk = bench.sent[0]
    assert (chunk.job_id, chunk.tenant, chunk.tags) == (job.id, "default", ["dog"])
    assert chunk.metadata == {"year": 2026}
    assert [(item.id, item.filename) for item in chunk.items] == [
        (f"{n:064x}", f"{n}.jpg") for n in (3, 4)
    ]


def test_what_waits_or_is_in_hand_is_left_alone(bench: Bench) -> None:
    job = bench.job(3)
    for index in range(3):
        bench.enqueue(job, index)
    bench.take_in_hand()
    assert bench.look_later() == []


def test_what_has_an_outcome_is_not_sent_again(bench: Bench) -> None:
    job = bench.job(3)
    bench.jobs.record(job.id, [Outcome(index=0, id=f"{0:064x}", state="indexed")])
    assert bench.look_later() == [[1, 2]]


def test_a_job_that_goes_on_is_not_looked_at(bench: Bench) -> None:
    job = bench.job(2)
    time.sleep(LEASE_S * 2.5)
    bench.jobs.begin(job.id, [0])
    assert bench.lost_tasks.recover() == 0
    assert bench.sent == []


def test_a_job_that_was_never_accepted_is_not_revived(bench: Bench) -> None:
    job = Job(uuid.uuid4().hex, "default", 1, created_at=time.time())
    bench.jobs.create(job, [("0" * 64, "a.jpg")])
    assert bench.look_later() == []


def test_a_lost_task_of_many_is_cut_into_chunks(bench: Bench) -> None:
    bench.job(5)
    assert bench.look_later() == [[0, 1], [2, 3], [4]]


def archive_job(bench: Bench) -> IngestArchive:
    """Write the accepted job of an archive that is not yet unpacked."""
    job_id = uuid.uuid4().hex
    archive = IngestArchive(job_id=job_id, id="0" * 64, format="tar", filename="a.tar")
    source = archive.model_dump_json()
    job = Job(job_id, "default", 0, created_at=time.time(), growing=True, source=source)
    bench.jobs.create(job, [])
    bench.jobs.accept(job_id)
    return archive


def test_an_archive_that_is_in_no_queue_is_sent_again(bench: Bench) -> None:
    archive = archive_job(bench)
    bench.look_later()
    assert bench.archives == [archive]


def test_an_archive_that_waits_is_left_alone(bench: Bench) -> None:
    archive = archive_job(bench)
    bench.sender.send(INGEST_ARCHIVE, INGEST_QUEUE, f"{archive.job_id}.archive", archive)
    bench.look_later()
    assert bench.archives == []
