"""Redis's memory by the image and by the search, and what reading a large job takes.

Fills a real Valkey through the code of the API and the workers, without either process.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from redis import Redis

from api.search_records import RedisSearches, SearchRecord
from benchmarks.figures import Figure, Measured, middle
from common.broker.celery_options import celery_options
from common.broker.sender import TaskSender
from common.contract import (
    INGEST_CHUNK,
    INGEST_QUEUE,
    ChunkResult,
    Hit,
    Message,
    Outcome,
    SearchRequest,
    SearchResult,
    Term,
    dump,
)
from common.errors import TruncatedImage
from common.jobs.base import Item, Job
from common.jobs.redis import RedisJobs
from common.jobs.tasks import chunk_tasks
from common.models.redis import RedisModels
from common.pages import pages
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from tests.support.services import Valkey

# Images of a job, as many as one request may have by default, and of a task.
_JOB, _CHUNK = 10_000, 32
# Every this many images one fails.
_FAILED_EVERY = 50
# Searches, and hits of each.
_SEARCHES, _HITS = 1000, 10
# Repetitions of each reading; their median counts.
_READINGS = 50
# Images of a week, for the extrapolation.
_WEEK = 10_000_000


def measure(quick: bool) -> Measured:
    """Measure on 100,000 images and one job of as many, or on few if quick."""
    images = 2000 if quick else 100_000
    with TemporaryDirectory() as folder, Valkey(Path(folder)) as valkey:
        filled = _Filled(load_settings({"GLIMPSE_REDIS_URL": valkey.url}))
        raw = {
            "images": images,
            **filled.image_bytes(images),
            **filled.search_bytes(),
            **filled.read_ms(images),
        }
    return Measured(_figures(raw), raw)


def _figures(raw: dict[str, Any]) -> list[Figure]:
    week_gb = raw["finished"] * _WEEK / 1e9
    linear = "with the images and the length of their names"
    return [
        Figure("a queued image", raw["queued"], "B", at_most=250, scales=linear),
        Figure("  of that, its task", raw["task"], "B", scales=linear),
        Figure("a finished image", raw["finished"], "B", at_most=100, scales=f"{linear}, a week"),
        Figure("its chunk's result", raw["result"], "B", scales="with the images of an hour"),
        Figure(f"{_WEEK:,} finished images", week_gb, "GB", at_most=1, scales="computed"),
        Figure(f"a search of {_HITS} hits", raw["search"], "B", scales="until it was read"),
        *(Figure(f"a large job: {name}", ms, "ms") for name, ms in raw["read_ms"].items()),
    ]


class _Filled:
    """Fills an empty Redis and compares its memory."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Redis = connect(settings.redis_url)
        self._clock = RedisClock(self._redis)
        self._jobs = RedisJobs(self._redis, settings.job_ttl_s)
        self._searches = RedisSearches(self._redis, settings.search_ttl_s)
        self._sender = TaskSender(settings, self._redis, self._clock, RedisModels(self._redis))
        app = Celery("benchmark", set_as_current=False)
        app.conf.update(celery_options(settings))
        self._results = RedisBackend(app=app, url=settings.redis_url)

    def image_bytes(self, images: int) -> dict[str, float]:
        """Return the bytes per image while it is queued, and once its job has ended."""
        # The first job makes Redis load the scripts.
        self._finish(*self._job(0, _CHUNK))
        self._redis.flushdb()
        with self._growth() as queued:
            jobs = [self._job(number, images) for number in range(-(-images // _JOB))]
        # Reading a list moves nothing, so this is what the tasks take.
        with self._growth() as dequeued:
            self._redis.delete(*self._redis.scan_iter(f"{INGEST_QUEUE}*", _type="list"))
        with self._growth() as finished:
            for job, items in jobs:
                self._finish(job, items)
        with self._growth() as results:
            for job, items in jobs:
                self._store_results(job, items)
        record = queued() + dequeued() + finished()
        sizes = {"queued": queued(), "task": -dequeued(), "finished": record, "result": results()}
        self._redis.flushdb()
        return {name: size / images for name, size in sizes.items()}

    def search_bytes(self) -> dict[str, float]:
        """Return the bytes of a search's record and result."""
        self._search(0)
        with self._growth() as grown:
            for number in range(_SEARCHES):
                self._search(number)
        self._redis.flushdb()
        return {"search": grown() / _SEARCHES}

    def read_ms(self, images: int) -> dict[str, Any]:
        """Return the milliseconds of each way to read one job of all images."""
        job, items = self._new_job(images)
        self._finish(job, items)
        middle_index, jobs = images // 2, self._jobs
        found = {
            "its counters": _median_ms(lambda: jobs.get(job.id)),
            "the first 100 items": _median_ms(lambda: jobs.items(job.id, None, 100)),
            "1,000 from the middle": _median_ms(
                lambda: jobs.items(job.id, None, 1000, middle_index)
            ),
            "the first 100 failures": _median_ms(lambda: jobs.items(job.id, "failed", 100)),
            "the last 100 failures": _median_ms(
                lambda: jobs.items(job.id, "failed", 100, max(0, images - 100 * _FAILED_EVERY))
            ),
            "none is cancelled": _median_ms(lambda: jobs.items(job.id, "cancelled", 100)),
        }
        self._redis.flushdb()
        return {"read_ms": found}

    @contextmanager
    def _growth(self) -> Iterator[Callable[[], float]]:
        """Yield a function that returns by how many bytes Redis grew within the block."""
        before = self._used()
        found: list[float] = []
        yield lambda: found[0]
        found.append(self._used() - before)

    def _used(self) -> float:
        # Redis frees large values in a thread.
        while self._info("memory")["lazyfree_pending_objects"]:
            time.sleep(0.1)
        info = self._info("memory")
        buffers = info["mem_clients_normal"] + info["mem_aof_buffer"]
        return float(info["used_memory"] - buffers)

    def _info(self, section: str) -> dict[str, Any]:
        return self._redis.info(section)

    def _new_job(self, images: int) -> tuple[Job, list[Item]]:
        job = Job(uuid.uuid4().hex, "default", images, created_at=self._clock.now())
        items = [
            Item(n, hashlib.sha256(f"{job.id}{n}".encode()).hexdigest(), f"photos/2026/{n:09}.jpg")
            for n in range(images)
        ]
        self._jobs.create(job, [(item.id, item.filename) for item in items])
        return job, items

    def _job(self, number: int, images: int) -> tuple[Job, list[Item]]:
        """Create one of several jobs as the API does."""
        job, items = self._new_job(min(_JOB, images - number * _JOB))
        for task_id, chunk in chunk_tasks(job, items, _CHUNK):
            self._sender.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk)
        self._jobs.accept(job.id)
        return job, items

    def _finish(self, job: Job, items: Sequence[Item]) -> None:
        for some in pages(items, _CHUNK):
            self._jobs.begin(job.id, [item.index for item in some])
            self._jobs.record(job.id, [_outcome(item) for item in some])
        self._jobs.accept(job.id)

    def _store_results(self, job: Job, items: Sequence[Item]) -> None:
        for some in pages(items, _CHUNK):
            result = ChunkResult(outcomes=[_outcome(item) for item in some])
            self._store(f"{job.id}.{some[0].index}", result)

    def _search(self, number: int) -> None:
        request = SearchRequest(terms=[Term(text=f"a white dog on photograph {number}")])
        record = SearchRecord(id=uuid.uuid4().hex, created_at=self._clock.now(), request=request)
        self._searches.put(record)
        hits = [
            Hit(
                id=hashlib.sha256(f"{record.id}{n}".encode()).hexdigest(),
                score=1 / (number + n + 3),
                filename=f"photos/2026/{n:09}.jpg",
            )
            for n in range(_HITS)
        ]
        self._store(record.id, SearchResult(hits=hits, encoder="ViT-B/32", took_ms=12.345))

    def _store(self, task_id: str, result: Message) -> None:
        self._results.store_result(task_id, dump(result), "SUCCESS")


def _outcome(item: Item) -> Outcome:
    if item.index % _FAILED_EVERY == 0:
        error = TruncatedImage("The picture ends before its last row.")
        return Outcome.failed(item.index, item.id, error)
    return Outcome(index=item.index, id=item.id, state="indexed")


def _median_ms(read: Callable[[], object]) -> float:
    found = []
    for _ in range(_READINGS):
        begun = time.perf_counter()
        read()
        found.append(1000 * (time.perf_counter() - begun))
    return middle(found)
