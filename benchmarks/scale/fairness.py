"""Fair shares: a tenant's single picture while another tenant has a long backlog.

The model sleeps instead of computing, so that the workers' rate is known and the machine is free.
"""

from __future__ import annotations

import itertools
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx

from api.services import Services, connect_services
from api.uploads.job import begin_job
from benchmarks.figures import Figure, Measured, middle
from common.images.received import ReceivedPicture
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from common.settings import load_settings
from tests.support.pictures import image_id, jpeg
from tests.support.polling import wait_for
from tests.support.services import SlowWorker, Stack

# Pictures per chunk and per batch, tasks of the worker, and seconds that a batch takes.
_CHUNK, _TASKS, _BATCH_S = 32, 4, 0.5
# Images of the backlog that have bytes: more than are ingested while the benchmark runs.
_STORED_MAX = 8000
# Upper bound on the time of the single picture, without that of a chunk, as a multiple of its time
# on an idle service.
_TIMES_MAX = 3.0

_SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_BATCH_MAX": str(_CHUNK),
    "GLIMPSE_CHUNK_IMAGES": str(_CHUNK),
    "GLIMPSE_WORKER_THREADS": str(_TASKS),
    "GLIMPSE_MAX_WAIT_S": "1e9",
}
_LONG, _SINGLE = "long", "single"

_numbers = itertools.count()


def measure(quick: bool) -> Measured:
    """Upload single pictures to an idle service, and beside a backlog."""
    backlog, rounds = (300, 1) if quick else (100_000, 9)
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), _SETTINGS, ingests=False) as stack,
        SlowWorker(Path(folder) / "slow", stack.settings, _BATCH_S, Path(folder) / "log"),
    ):
        headers = {"Authorization": f"Bearer {_key(stack, _SINGLE)}"}
        with httpx.Client(base_url=stack.api.url, headers=headers, timeout=60) as client:
            services = connect_services(load_settings(stack.settings))
            # The first request after the key was created may still be cached as keyless.
            time.sleep(load_settings(stack.settings).key_cache_s)
            _single_s(client)
            idle = [_single_s(client) for _ in range(rounds)]
            job = _begin_backlog(services, backlog)
            wait_for(lambda: services.jobs.get(job).done >= 2 * _CHUNK, 120, "the backlog's start")
            begun, done = time.perf_counter(), services.jobs.get(job).done
            beside = [_single_s(client) for _ in range(rounds)]
            rate = (services.jobs.get(job).done - done) / (time.perf_counter() - begun)
            waiting = services.jobs.pending_of(_LONG)
    raw = {"idle": idle, "beside": beside, "rate_per_s": rate, "waiting": waiting}
    return Measured(list(_figures(idle, beside, rate, waiting)), raw)


def _figures(idle: list[float], beside: list[float], rate: float, waiting: int) -> Iterator[Figure]:
    # The time from the start of a chunk to its end, while as many others run as there are tasks.
    chunk_s = _CHUNK * _TASKS / rate
    yield Figure("single picture, idle service", middle(idle), "s")
    yield Figure("images waiting of another tenant", waiting, "images", at_least=1)
    yield Figure("rate of the backlog", rate, "images/s")
    yield Figure("a chunk of the backlog", chunk_s, "s")
    yield Figure(
        "single picture beside the backlog",
        middle(beside),
        "s",
        at_most=_TIMES_MAX * middle(idle) + chunk_s,
        scales="independent of the backlog; grows with tenants that have no backlog",
    )
    yield Figure(
        "single picture at the backlog's end", waiting / rate, "s", scales="with the backlog"
    )


def _key(stack: Stack, tenant: str) -> str:
    with connect(stack.redis.url) as redis:
        token, key = issue(tenant, "benchmark", ["read", "write"], time.time())
        RedisKeys(redis).add(key)
    return token.text


def _single_s(client: httpx.Client) -> float:
    """Return the seconds from an upload to the end of its job, when it is searchable."""
    begun = time.perf_counter()
    upload = client.post("/v1/images", files={"file": ("a.jpg", _picture())}).raise_for_status()
    while client.get(upload.headers["Location"]).json()["state"] != "succeeded":
        time.sleep(0.02)
    return time.perf_counter() - begun


def _begin_backlog(services: Services, count: int) -> str:
    """Begin a job as the API does after an upload; only the images that run first have bytes."""
    pictures = []
    for number in range(count):
        if number < _STORED_MAX:
            data = _picture()
            writer = services.blobs.writer(_LONG)
            writer.write(data)
            writer.commit(image_id(data))
        name = image_id(data) if number < _STORED_MAX else f"{number:064x}"
        pictures.append(ReceivedPicture(name, f"{number}.jpg", error=None))
    waiting = services.jobs.pending_of(_LONG)
    return begin_job(services, _LONG, uuid.uuid4().hex, pictures, [], {}, waiting).id


def _picture() -> bytes:
    # Bytes after the end of a JPEG make it another image.
    return jpeg(0) + str(next(_numbers)).encode()
