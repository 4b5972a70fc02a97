"""Ingest workers with slow stores, several of them, and with large pictures.

Worker processes and Valkey are real; the models and stores only sleep.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from PIL import Image

from benchmarks.figures import Figure, Measured, middle
from benchmarks.process_usage import Session
from common.blobs.folder import FolderBlobs
from common.broker.sender import TaskSender
from common.contract import INGEST_CHUNK, INGEST_QUEUE
from common.jobs.base import Item, Job
from common.jobs.redis import RedisJobs
from common.jobs.tasks import chunk_tasks
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import load_settings
from tests.support.services import Valkey, Worker

# Pictures of a model's batch, and of a task.
_BATCH, _CHUNK = 64, 32
# Seconds of a batch: on a GPU, and on one so slow that four workers share two cores easily.
_MODEL_S, _SLOW_MODEL_S = 0.02, 0.16
# Seconds of a call of the store: in memory, and on object storage.
_STORE_S, _SLOW_STORE_S = 0.002, 0.2
# Lower bounds: the rate with the slow store as a share of that with the fast one, and the rate of
# several workers as a multiple of one worker's.
_SLOW_STORE_MIN = 0.9
_WORKERS_MIN = {2: 1.95, 4: 3.8}
# Shares of a job's images between which its rate is measured.
_FROM, _UNTIL = 0.2, 0.9
# Seconds between polls of a job, and until it must have ended.
_POLL_S, _TIMEOUT_S = 0.02, 300.0


# Rounds, and small pictures of each.
_ROUNDS, _IMAGES = 3, 6400
# Upper bound on a worker's memory with small pictures, in MiB.
_PEAK_MIB_MAX = 300.0
# Pictures that as many threads decode, their pixels and width, and bytes per decoded pixel.
_LARGE_COUNT, _LARGE_PIXELS, _LARGE_WIDTH, _BYTES_PER_PIXEL = 12, 25_600_000, 1600, 4
# Upper bound on the memory of all of them, as a multiple of one's.
_LARGE_MAX = 2.0


class NotIngested(RuntimeError):
    """A job did not succeed."""


class SleepingWorker(Worker):
    """Runs ``benchmarks.scale.sleeping_worker``."""

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        return [sys.executable, "-m", "benchmarks.scale.sleeping_worker"]


class Bench:
    """Valkey, a blob store full of pictures, and jobs of these pictures.

    Args:
        folder: Folder of the blobs and of the processes' data.
        pictures: The blobs' bytes.
        variables: ``GLIMPSE_*`` variables of the workers, in addition to the addresses.
    """

    def __init__(
        self, folder: Path, pictures: Sequence[bytes], variables: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._redis = Valkey(folder / "redis")
        self._variables = {
            "GLIMPSE_REDIS_URL": self._redis.url,
            "GLIMPSE_MILVUS_URI": "memory://workers",
            "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
            "GLIMPSE_BATCH_MAX": str(_BATCH),
            "GLIMPSE_CHUNK_IMAGES": str(_CHUNK),
            # Four workers would draw more of them per second than two cores can.
            "GLIMPSE_THUMBNAILS": "request",
            **(variables or {}),
        }
        blobs = FolderBlobs(folder / "blobs")
        self._ids = [_store(blobs, data) for data in pictures]

    def __enter__(self) -> Self:
        self._redis.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.stop()

    def run(self, count: int, model_s: float, store_s: float, workers: int = 1) -> dict[str, Any]:
        """Ingest pictures with new workers; return their rate per second and peak memory."""
        connect(self._redis.url).flushall()
        variables = {"SLEEP_MODEL_S": str(model_s), "SLEEP_STORE_S": str(store_s)}
        with self._running(workers, self._variables | variables) as running:
            before = _peak_mib(running)
            per_s = self._rate(count)
            peak = _peak_mib(running)
        return {"per_s": per_s, "peak_mib": peak, "grown_mib": peak - before}

    @contextmanager
    def _running(self, count: int, variables: dict[str, str]) -> Iterator[Sequence[Worker]]:
        workers = [
            SleepingWorker(self._folder / f"worker-{number}", variables, INGEST_QUEUE)
            for number in range(count)
        ]
        with ExitStack() as exits, ThreadPoolExecutor() as threads:
            for worker in workers:
                exits.callback(worker.stop)
            list(threads.map(Worker.start, workers))
            yield workers

    def _rate(self, count: int) -> float:
        """Ingest pictures, and return how many per second once all stages are busy."""
        settings = load_settings(self._variables)
        redis = connect(settings.redis_url)
        jobs = RedisJobs(redis, settings.job_ttl_s)
        sender = TaskSender(settings, redis, RedisClock(redis), RedisModels(redis))
        job = Job(uuid.uuid4().hex, "default", count, created_at=time.time())
        images = [(image_id, f"{at}.bmp") for at, image_id in enumerate(self._ids[:count])]
        jobs.create(job, images)
        items = [Item(at, *image) for at, image in enumerate(images)]
        for task_id, chunk in chunk_tasks(job, items, _CHUNK):
            sender.send(INGEST_CHUNK, INGEST_QUEUE, task_id, chunk)
        jobs.accept(job.id)
        return _follow(jobs, job.id)


def _peak_mib(workers: Sequence[Worker]) -> float:
    """Return the largest peak memory of the workers, in MiB."""
    return max(Session(worker.pid).peak_rss_mib() for worker in workers)


def _follow(jobs: RedisJobs, job_id: str) -> float:
    """Wait for a job's end; return the images per second between two shares of it."""
    seen = [(time.monotonic(), 0)]
    deadline = time.monotonic() + _TIMEOUT_S
    while (job := jobs.get(job_id)).done < job.total:
        if time.monotonic() > deadline:
            raise NotIngested(f"{job.done} of {job.total} images after {_TIMEOUT_S:g} s.")
        if _FROM <= job.done / job.total <= _UNTIL:
            seen.append((time.monotonic(), job.done))
        time.sleep(_POLL_S)
    if job.state != "succeeded":
        raise NotIngested(f"The job ended as {job.state}.")
    # A job too small for shares counts as a whole.
    if len(seen) < 3:
        seen.append((time.monotonic(), job.done))
    (began, first), (ended, last) = seen[min(1, len(seen) - 2)], seen[-1]
    return (last - first) / (ended - began)


def _store(blobs: FolderBlobs, data: bytes) -> str:
    image_id = hashlib.sha256(data).hexdigest()
    writer = blobs.writer("default")
    writer.write(data)
    writer.commit(image_id)
    return image_id


def _small(number: int) -> bytes:
    """Return a picture that is nearly free to decode, different for each number."""
    file = io.BytesIO()
    colour = (number % 256, number // 256 % 256, number // 65_536)
    Image.new("RGB", (1, 1), colour).save(file, "BMP")
    return file.getvalue()


def _large(pixels: int) -> bytes:
    """Return a picture that takes four bytes per pixel to decode, and few in its file."""
    file = io.BytesIO()
    Image.new("RGB", (pixels // _LARGE_WIDTH, _LARGE_WIDTH)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def measure(quick: bool) -> Measured:
    """Measure one worker with a fast and a slow store, several workers, and large pictures."""
    rounds, images = (1, 512) if quick else (_ROUNDS, _IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        with Bench(Path(folder) / "small", [_small(number) for number in range(images)]) as bench:
            stores = [_stores(bench, images) for _ in range(rounds)]
            workers = [_workers(bench, images, quick) for _ in range(rounds)]
        pixels = _LARGE_PIXELS // (16 if quick else 1)
        large = [_large(pixels - number * _LARGE_WIDTH) for number in range(_LARGE_COUNT)]
        variables = {
            "GLIMPSE_DECODE_THREADS": str(_LARGE_COUNT),
            "GLIMPSE_IMAGE_PIXELS_MAX": str(pixels),
        }
        with Bench(Path(folder) / "large", large, variables) as bench:
            memory = bench.run(_LARGE_COUNT, _MODEL_S, _STORE_S)
    raw = {"stores": stores, "workers": workers, "large_pictures": memory, "pixels": pixels}
    return Measured([*_store_figures(stores), *_worker_figures(workers), *_memory(raw)], raw)


def _stores(bench: Bench, images: int) -> dict[str, dict[str, Any]]:
    return {
        name: bench.run(images, _MODEL_S, store_s)
        for name, store_s in (("fast", _STORE_S), ("slow", _SLOW_STORE_S))
    }


def _workers(bench: Bench, images: int, quick: bool) -> dict[int, dict[str, Any]]:
    return {
        count: bench.run(images if quick else images * count // 4, _SLOW_MODEL_S, _STORE_S, count)
        for count in (1, *_WORKERS_MIN)
    }


def _store_figures(rounds: Sequence[dict[str, dict[str, Any]]]) -> list[Figure]:
    ratio = middle([run["slow"]["per_s"] / run["fast"]["per_s"] for run in rounds])
    return [
        *(
            Figure(
                f"one worker, {name} store", middle([r[name]["per_s"] for r in rounds]), "images/s"
            )
            for name in ("fast", "slow")
        ),
        Figure("slow store / fast store", ratio, "times", at_least=_SLOW_STORE_MIN),
    ]


def _worker_figures(rounds: Sequence[dict[int, dict[str, Any]]]) -> list[Figure]:
    one = Figure("one worker, slow model", middle([run[1]["per_s"] for run in rounds]), "images/s")
    return [
        one,
        *(
            Figure(
                f"{count} workers / one",
                middle([run[count]["per_s"] / run[1]["per_s"] for run in rounds]),
                "times",
                at_least=least,
                scales="with the workers, until Redis or the store is busy",
            )
            for count, least in _WORKERS_MIN.items()
        ),
    ]


def _memory(raw: dict[str, Any]) -> list[Figure]:
    peak = max(run["slow"]["peak_mib"] for run in raw["stores"])
    grown = raw["large_pictures"]["grown_mib"]
    return [
        Figure("worker, peak with the slow store", peak, "MiB", at_most=_PEAK_MIB_MAX),
        Figure(
            f"worker, growth by {_LARGE_COUNT} large pictures at once / one decoded picture",
            grown / (raw["pixels"] * _BYTES_PER_PIXEL / 2**20),
            "times",
            at_most=_LARGE_MAX,
            scales="with GLIMPSE_IMAGE_PIXELS_MAX, not with the decoders",
        ),
    ]
