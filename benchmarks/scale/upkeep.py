"""What a turn of the upkeep costs while many tasks wait: time, memory, and Redis's slowest command.

Fills a real Valkey through the code of the API, once with large jobs and once with one job for each
task, and runs the chores that look for lost tasks and withdrawn bytes and count what is pending.
"""

from __future__ import annotations

import hashlib
import json
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from benchmarks.figures import Figure, Measured
from common.blobs.memory import MemoryBlobs
from common.broker.sender import TaskSender
from common.claims.memory import MemoryClaims
from common.contract import INGEST_CHUNK, INGEST_QUEUE, Message
from common.dead_letters.memory import MemoryDeadLetters
from common.jobs.base import Item, Job
from common.jobs.redis import RedisJobs
from common.jobs.tasks import chunk_task_id, chunk_tasks
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from tests.support.services import Valkey
from worker.stores.memory import MemoryStore
from worker.upkeep.lost_tasks import LostTasks
from worker.upkeep.withdrawn_blobs import WithdrawnBlobs

# Images of a task, and tasks of a large job.
_CHUNK, _LARGE = 32, 300
# Tasks that are lost when the chores look for them.
_LOST = 10
# Seconds of a lease, so that a job counts as stalled at once.
_LEASE_S = 0.05


def measure(quick: bool) -> Measured:
    """Measure beside 100,000 waiting chunks, or few if quick."""
    chunks = 300 if quick else 100_000
    raw: dict[str, Any] = {"chunks": chunks}
    figures: list[Figure] = []
    for name, chunks_per_job in (("large jobs", _LARGE), ("a job for each chunk", 1)):
        with TemporaryDirectory() as folder, Valkey(Path(folder)) as valkey:
            backlog = _Backlog(load_settings({"GLIMPSE_REDIS_URL": valkey.url}))
            raw[name] = backlog.look(chunks, chunks_per_job)
        figures += _figures(name, raw[name])
    return Measured(figures, raw)


def _figures(name: str, seen: dict[str, float]) -> list[Figure]:
    found = "with the tasks that are lost"
    return [
        Figure(f"{name}: a look", seen["seconds"], "s", at_most=5, scales=found),
        Figure(f"{name}: its memory", seen["peak_mb"], "MB", at_most=32, scales=found),
        Figure(
            f"{name}: Redis's slowest command",
            seen["slowest_ms"],
            "ms",
            at_most=5,
            scales="not at all",
        ),
        Figure(f"{name}: tasks found lost", seen["found"], "", at_least=_LOST),
    ]


class _Backlog:
    """Waiting tasks, and the chores that run beside them."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Redis = connect(settings.redis_url)
        # Writes to the disk are not what is measured.
        self._redis.config_set("appendonly", "no")
        self._clock = RedisClock(self._redis)
        self._jobs = RedisJobs(self._redis, settings.job_ttl_s)
        self._sender = TaskSender(settings, self._redis, self._clock, RedisModels(self._redis))
        # The queue, and a message of it.
        self._queue = ""
        self._template: dict[str, Any] = {}
        self._found = 0

    def look(self, chunks: int, chunks_per_job: int) -> dict[str, float]:
        """Fill the queue, lose some tasks, and run the chores."""
        # These are lost: they never enter the queue.
        for _ in range(_LOST):
            self._jobs.accept(self._create(1).id)
        time.sleep(3 * _LEASE_S)
        for start in range(0, chunks, chunks_per_job):
            self._queue_job(min(chunks_per_job, chunks - start))
        with self._slow_commands() as slowest_ms:
            begun = time.perf_counter()
            tracemalloc.start()
            self._chores()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            seconds = time.perf_counter() - begun
        return {
            "seconds": seconds,
            "peak_mb": peak / 1e6,
            "slowest_ms": slowest_ms(),
            "found": self._found,
        }

    def _chores(self) -> None:
        """Run what depends on jobs and tasks; blobs and Milvus are stand-ins."""
        blobs = MemoryBlobs()
        writer = blobs.writer("default")
        writer.write(b"a picture")
        writer.commit("0" * 64)
        blobs.withdraw("default", "0" * 64)
        LostTasks(self._redis, self._jobs, self._queues, self._send, _LEASE_S, _CHUNK).recover()
        self._jobs.recount()
        self._jobs.trim()
        claims, letters = MemoryClaims(60, 3), MemoryDeadLetters()
        WithdrawnBlobs(blobs, MemoryStore(), self._jobs, claims, letters).sweep()

    def _queues(self, tenant: str) -> list[str]:
        del tenant
        return [self._queue]

    def _send(self, task: str, task_id: str, message: Message) -> None:
        self._found += 1
        self._sender.send(task, INGEST_QUEUE, task_id, message)

    def _create(self, chunks: int) -> Job:
        job = Job(uuid.uuid4().hex, "default", _CHUNK * chunks, created_at=self._clock.now())
        name = partial("photos/2026/{:09}.jpg".format)
        digest = hashlib.sha256(job.id.encode()).hexdigest()
        self._jobs.create(job, [(digest, name(n)) for n in range(job.total)])
        return job

    def _queue_job(self, chunks: int) -> None:
        """Create a job and put its tasks into the queue: copies of one that was really sent."""
        job = self._create(chunks)
        if not self._template:
            items = [Item(n, "0" * 64, f"photos/2026/{n:09}.jpg") for n in range(_CHUNK)]
            for task_id, chunk in chunk_tasks(job, items, _CHUNK):
                self._sender.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk)
                assert task_id == chunk_task_id(chunk)
            (self._queue,) = self._redis.scan_iter(f"{INGEST_QUEUE}*", _type="list")
            self._template = json.loads(str(self._redis.lindex(self._queue, 0)))
        self._template["headers"]["sent_at"] = self._clock.now()
        self._redis.lpush(self._queue, *[json.dumps(self._template)] * chunks)
        self._jobs.accept(job.id)

    @contextmanager
    def _slow_commands(self) -> Iterator[Callable[[], float]]:
        """Yield a function that returns the milliseconds of the slowest command in the block."""
        self._redis.config_set("slowlog-log-slower-than", 100)
        self._redis.config_set("slowlog-max-len", 100_000)
        self._redis.slowlog_reset()
        slowest: list[float] = []
        yield lambda: slowest[0]
        self._redis.config_set("slowlog-log-slower-than", -1)
        entries = self._redis.slowlog_get(100_000)
        durations = [e["duration"] for e in entries if not e["command"].startswith(b"SLOWLOG")]
        slowest.append(max(durations, default=100) / 1000)
