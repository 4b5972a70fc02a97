"""Recovery of lost tasks: those missing from every queue are sent again, others are not."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from redis import Redis

from common.broker.request_header import request_of
from common.broker.sender import TaskSender
from common.contract import (
    IMAGES_EDIT,
    INGEST_ARCHIVE,
    INGEST_CHUNK,
    INGEST_QUEUE,
    Change,
    ChunkItem,
    EditImages,
    IngestArchive,
    IngestChunk,
    Message,
    Outcome,
)
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import load_settings
from tests.support.job_records import outcome
from tests.support.services import Valkey
from worker.delivery.messages import Delivered, RedisMessages
from worker.upkeep.lost_tasks import LostTasks
from worker.upkeep.turn import TurnLost

# Seconds of a lease; a job without changes for two leases counts as stalled.
LEASE_S = 0.1
# The same for random traffic: twice this is longer than a busy machine pauses between two steps.
TRAFFIC_LEASE_S = 0.2


@dataclass
class Bench:
    """The search for lost tasks, the tasks it sends, and a queue with real messages."""

    redis: Redis
    jobs: RedisJobs
    sender: TaskSender
    messages: RedisMessages
    lost_tasks: LostTasks
    sent: list[IngestChunk] = field(default_factory=list)
    archives: list[IngestArchive] = field(default_factory=list)
    edits: list[EditImages] = field(default_factory=list)

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
        self.jobs.requeued(job.id)

    def take_in_hand(self) -> Delivered:
        """Move the next message to the unacknowledged ones, as kombu does for a worker."""
        content = json.loads(str(self.redis.rpop(INGEST_QUEUE)))
        tag = content["properties"]["delivery_tag"]
        message = Delivered(tag, INGEST_QUEUE, content)
        self.messages.note(message)
        return message

    def lose(self) -> None:
        """Take the next message as Redis does for a worker that is killed before it notes it."""
        self.redis.rpop(INGEST_QUEUE)

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
        edits: list[EditImages] = []

        def send(task: str, task_id: str, message: Message) -> None:
            assert task_id.startswith(str(message.model_dump()["job_id"]))
            if task == INGEST_ARCHIVE:
                archives.append(IngestArchive.model_validate(message.model_dump()))
            elif task == IMAGES_EDIT:
                edits.append(EditImages.model_validate(message.model_dump()))
            else:
                sent.append(IngestChunk.model_validate(message.model_dump()))

        lost_tasks = LostTasks(redis, jobs, lambda _: ["ingest"], send, LEASE_S, chunk_images=2)
        settings = load_settings({"GLIMPSE_REDIS_URL": valkey.url})
        sender = TaskSender(settings, redis, RedisClock(redis), RedisModels(redis))
        yield Bench(redis, jobs, sender, RedisMessages(redis), lost_tasks, sent, archives, edits)
        redis.flushdb()


def test_what_is_in_no_queue_is_sent_again(bench: Bench) -> None:
    job = bench.job(5)
    bench.enqueue(job, 0)
    bench.enqueue(job, 1, 2)
    bench.take_in_hand()
    bench.take_in_hand()
    assert bench.look_later() == [[3, 4]]
    chunk = bench.sent[0]
    assert (chunk.job_id, chunk.tenant, chunk.tags) == (job.id, "default", ["dog"])
    assert chunk.metadata == {"year": 2026}
    assert [(item.id, item.filename) for item in chunk.items] == [
        (f"{n:064x}", f"{n}.jpg") for n in (3, 4)
    ]


def test_a_task_that_is_sent_again_has_the_id_of_its_request(bench: Bench) -> None:
    for request in ("one", None):
        job = replace(bench.job(1), id=uuid.uuid4().hex, request=request)
        bench.jobs.create(job, [(f"{0:064x}", "0.jpg")])
        bench.jobs.accept(job.id)
    headers: list[Any] = []

    def send(task: str, task_id: str, message: Message) -> None:
        bench.sender.send(task, INGEST_QUEUE, task_id, message)
        headers.append(request_of(json.loads(str(bench.redis.lindex(INGEST_QUEUE, 0)))["headers"]))

    time.sleep(LEASE_S * 2.5)
    LostTasks(bench.redis, bench.jobs, lambda _: ["ingest"], send, LEASE_S, 2).recover()
    assert sorted(headers, key=str) == [None, None, None, "one"]


def test_an_open_job_whose_api_was_killed_before_it_sent_its_tasks(bench: Bench) -> None:
    job = Job(
        uuid.uuid4().hex,
        "default",
        0,
        time.time(),
        growing=True,
        opened=True,
        tags=("dog",),
        on_duplicate="replace",
    )
    bench.jobs.create(job, [])
    bench.jobs.accept(job.id)
    assert bench.look_later() == []
    bench.jobs.add(job.id, [(f"{n:064x}", f"{n}.jpg") for n in range(3)])
    bench.enqueue(job, 0)
    bench.take_in_hand()
    assert bench.look_later() == [[1, 2]]
    assert (bench.sent[0].tags, bench.sent[0].on_duplicate) == (["dog"], "replace")
    assert bench.jobs.get(job.id).is_open


def test_what_waits_or_is_in_hand_is_left_alone(bench: Bench) -> None:
    job = bench.job(3)
    for index in range(3):
        bench.enqueue(job, index)
    bench.take_in_hand()
    assert bench.look_later() == []


def test_what_is_lost_is_sent_again_once_the_rest_of_its_job_was_taken(bench: Bench) -> None:
    job, later = bench.job(3), bench.job(1)
    bench.enqueue(job, 0)
    bench.enqueue(job, 1)
    bench.enqueue(job, 2)
    time.sleep(LEASE_S * 3)
    bench.enqueue(later, 0)
    bench.lose()
    assert bench.look_later() == []
    bench.take_in_hand()
    assert bench.look_later() == []
    bench.take_in_hand()
    # The other job's task is next, and was sent later than all of this job's.
    assert bench.look_later() == [[0]]


def test_what_was_sent_again_is_not_sent_a_third_time(bench: Bench) -> None:
    job = bench.job(2)
    bench.enqueue(job, 0, 1)
    bench.lose()
    assert bench.look_later() == [[0, 1]]
    bench.enqueue(job, 0, 1)
    assert bench.look_later() == [[0, 1]]


@pytest.mark.parametrize("last", [True, False])
def test_what_was_put_back_is_left_alone_until_it_is_taken(bench: Bench, last: bool) -> None:
    job, later = bench.job(1), bench.job(1)
    bench.enqueue(job, 0)
    taken = bench.take_in_hand()
    time.sleep(LEASE_S * 3)
    bench.enqueue(later, 0)
    other = bench.take_in_hand()
    bench.messages.put_back(taken, last=last)
    # Now the next task may be one that was sent later than the first job's.
    bench.messages.put_back(other, last=not last)
    assert bench.look_later() == []


def test_what_no_worker_renews_is_not_lost(bench: Bench) -> None:
    job = bench.job(1)
    bench.enqueue(job, 0)
    bench.take_in_hand()
    assert bench.look_later() == []
    bench.messages.put_back_abandoned(0)
    assert bench.look_later() == []


def test_a_lost_turn_sends_nothing_more(bench: Bench) -> None:
    bench.job(5)
    time.sleep(LEASE_S * 2.5)

    def check() -> None:
        if len(bench.sent) == 2:
            raise TurnLost("lost")

    with pytest.raises(TurnLost):
        bench.lost_tasks.recover(check)
    assert [[item.index for item in chunk.items] for chunk in bench.sent] == [[0, 1], [2, 3]]
    # What it had left is found again.
    bench.sent.clear()
    assert bench.look_later() == [[0, 1], [2, 3], [4]]


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


@pytest.mark.parametrize("grows", [True, False])
def test_an_edit_that_is_in_no_queue_is_sent_again_for_all_its_images(
    bench: Bench, grows: bool
) -> None:
    edit = EditImages(job_id=uuid.uuid4().hex, change=Change(add_tags=["dog"]))
    about = {"kind": "edit", "growing": True, "source": edit.model_dump_json()}
    job = Job(edit.job_id, "default", 0, created_at=time.time(), **about)
    bench.jobs.create(job, [])
    bench.jobs.accept(job.id)
    bench.jobs.extend(job.id, 0, [(f"{n:064x}", f"{n}.jpg") for n in range(3)])
    if not grows:
        bench.jobs.complete(job.id)
    assert bench.look_later() == []
    assert bench.edits == [edit]
    bench.sender.send(IMAGES_EDIT, INGEST_QUEUE, f"{job.id}.edit", edit)
    bench.take_in_hand()
    bench.look_later()
    assert bench.edits == [edit]


def test_an_archive_that_waits_is_left_alone(bench: Bench) -> None:
    archive = archive_job(bench)
    bench.sender.send(INGEST_ARCHIVE, INGEST_QUEUE, f"{archive.job_id}.archive", archive)
    bench.jobs.requeued(archive.job_id)
    bench.look_later()
    assert bench.archives == []


class Traffic:
    """Random traffic of one queue, in which messages are lost, and a look after each step.

    Args:
        bench: Provides the queue.
        seed: Of the random steps.
    """

    def __init__(self, bench: Bench, seed: int) -> None:
        self._bench = bench
        self._random = random.Random(seed)
        self._held: list[Delivered] = []
        self._lost: set[tuple[str, int]] = set()
        self._jobs: list[str] = []
        self._look = LostTasks(
            bench.redis,
            bench.jobs,
            lambda _: [INGEST_QUEUE],
            self._send_again,
            TRAFFIC_LEASE_S,
            chunk_images=1,
        )

    def step(self) -> None:
        """Do one thing at random, and look for lost tasks, at once or a while later."""
        self._random.choice(
            [self._upload, self._take, self._take, self._finish, self._put_back, self._lose]
        )()
        if self._random.random() < 0.25:
            time.sleep(2.2 * TRAFFIC_LEASE_S)
        self._look.recover()

    def drain(self) -> None:
        """Run what waits until every job has ended."""
        while any(self._bench.jobs.get(job_id).finished_at is None for job_id in self._jobs):
            self._take()
            self._finish()
            if not self._held:
                time.sleep(2.2 * TRAFFIC_LEASE_S)
            self._look.recover()

    def _upload(self) -> None:
        job = Job(uuid.uuid4().hex, "default", self._random.randint(1, 3), created_at=time.time())
        self._bench.jobs.create(job, [(f"{n:064x}", f"{n}.jpg") for n in range(job.total)])
        for index in range(job.total):
            item = ChunkItem(index=index, id=f"{index:064x}", filename=f"{index}.jpg")
            self._send_chunk(IngestChunk(job_id=job.id, items=[item]))
        self._bench.jobs.accept(job.id)
        self._jobs.append(job.id)

    def _send_chunk(self, chunk: IngestChunk) -> None:
        task_id = f"{chunk.job_id}.{chunk.items[0].index}"
        self._bench.sender.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk)

    def _send_again(self, task: str, task_id: str, message: Message) -> None:
        del task, task_id
        chunk = IngestChunk.model_validate(message.model_dump())
        # Sent again is only what was lost.
        self._lost.remove((chunk.job_id, chunk.items[0].index))
        self._send_chunk(chunk)

    def _take(self) -> None:
        if self._bench.redis.llen(INGEST_QUEUE):
            self._held.append(self._bench.take_in_hand())

    def _lose(self) -> None:
        text = self._bench.redis.rpop(INGEST_QUEUE)
        if text is not None:
            self._lost.add(_image_of(json.loads(str(text))))

    def _finish(self) -> None:
        if self._held:
            message = self._any_held()
            job_id, index = _image_of(message.content)
            self._bench.jobs.record(job_id, [outcome(index)])
            self._bench.messages.settle(message.tag)

    def _put_back(self) -> None:
        if self._held:
            self._bench.messages.put_back(self._any_held(), last=self._random.random() < 0.5)

    def _any_held(self) -> Delivered:
        return self._held.pop(self._random.randrange(len(self._held)))


def _image_of(content: dict[str, Any]) -> tuple[str, int]:
    job_id, index = content["headers"]["id"].split(".")
    return job_id, int(index)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_only_what_is_lost_is_sent_again(bench: Bench, seed: int) -> None:
    traffic = Traffic(bench, seed)
    for _ in range(60):
        traffic.step()
    traffic.drain()
