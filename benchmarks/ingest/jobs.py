"""Latency of the API's answers about a very large job."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.figures import Figure, latency_figures
from common.contract import Outcome
from common.errors import TruncatedImage
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.services import Api, Valkey

# One in this many images has failed, evenly spread over the job.
_FAILED_EVERY = 10
# Outcomes recorded per call.
_OUTCOMES_PER_CALL = 1000
# Upper bounds on the median in milliseconds: of the job, and of a page of its items.
_JOB_MS_MAX, _ITEMS_MS_MAX = 10.0, 50.0


def measure(images: int, requests: int) -> dict[str, list[float]]:
    """Return the milliseconds of each question about a job of ``images`` images."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as (api, records):
        path = f"/v1/jobs/{_job(records, images)}"
        with httpx.Client(base_url=api.url) as client:
            return {
                name: _times_ms(client, path + rest, requests)
                for name, rest in _questions(images).items()
            }


def figures(measured: dict[str, list[float]]) -> list[Figure]:
    """Return the latencies; the medians have bounds."""
    return [
        figure
        for name, ms in measured.items()
        for figure in latency_figures(name, ms, _JOB_MS_MAX if name == "job" else _ITEMS_MS_MAX)
    ]


@contextmanager
def _served(folder: Path) -> Iterator[tuple[Api, RedisJobs]]:
    with Valkey(folder / "redis") as redis:
        settings = {"GLIMPSE_REDIS_URL": redis.url, "GLIMPSE_BLOBS_DIR": str(folder / "blobs")}
        with Api(folder / "api", settings) as api:
            yield api, RedisJobs(connect(redis.url), ttl_s=3600)


def _job(records: RedisJobs, images: int) -> str:
    """Create a job whose images are finished except for the last hundred; return its id."""
    job = Job(uuid.uuid4().hex, "default", total=images, created_at=time.time())
    items = [(f"{index:064x}", f"album/picture {index}.jpg") for index in range(images)]
    records.create(job, items)
    records.accept(job.id)
    records.begin(job.id, [0])
    for start in range(0, images - 100, _OUTCOMES_PER_CALL):
        indices = range(start, min(start + _OUTCOMES_PER_CALL, images - 100))
        records.record(job.id, [_outcome(index) for index in indices])
    return job.id


def _outcome(index: int) -> Outcome:
    image_id = f"{index:064x}"
    if index % _FAILED_EVERY:
        return Outcome(index=index, id=image_id, state="indexed")
    return Outcome.failed(index, image_id, TruncatedImage("It breaks off."))


def _questions(images: int) -> dict[str, str]:
    """Return the questions: names, and suffixes to the job's path."""
    return {
        "job": "",
        "items, first 100": "/items",
        "items, 100 from the middle": f"/items?cursor={images // 2}",
        "items, 1000 from the middle": f"/items?cursor={images // 2}&limit=1000",
        "items, first 100 failed": "/items?state=failed",
        "items, 1000 failed from the middle": (
            f"/items?state=failed&cursor={images // 2}&limit=1000"
        ),
    }


def _times_ms(client: httpx.Client, path: str, requests: int) -> list[float]:
    # The first request opens the connection.
    client.get(path).raise_for_status()
    return [_timed_ms(client, path) for _ in range(requests)]


def _timed_ms(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - begun) * 1000
