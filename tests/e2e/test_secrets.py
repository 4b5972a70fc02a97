"""The passwords of Redis and Milvus appear in no log, response or metric, even in outages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready
from tests.support.services import MilvusLite, Stack, Valkey

# Words that occur nowhere else.
REDIS_PASSWORD = "kaleidoscope-of-redis"
MILVUS_TOKEN = "root:kaleidoscope-of-milvus"
SECRET = b"kaleidoscope"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_MILVUS_TOKEN": MILVUS_TOKEN,
        "GLIMPSE_RETRY_S": "0.5",
        "GLIMPSE_RETRY_S_MAX": "2",
    }
    redis = Valkey(tmp_path / "redis", REDIS_PASSWORD)
    with Stack(tmp_path / "stack", settings, redis=redis, forked=False) as stack:
        ready(stack.client)
        yield stack


def answers(stack: Stack) -> bytes:
    """Return the API's responses to one call of each kind."""
    files = [("file", ("red.png", picture("red")))]
    responses = [
        stack.client.post("/v1/images", files=files),
        stack.client.get("/v1/images"),
        stack.client.get("/v1/jobs"),
        stack.client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=5"}),
        stack.client.get("/readyz"),
        stack.client.get("/metrics"),
    ]
    return b"".join(response.content + repr(response.headers).encode() for response in responses)


def logs(stack: Stack) -> bytes:
    ours = (stack.api, stack.search_worker, stack.ingest_worker)
    return b"".join(service.log.read_bytes() for service in ours)


def test_no_secret_is_told_whatever_is_away(stack: Stack) -> None:
    files = [("file", ("blue.png", picture("blue")))]
    job = stack.client.post("/v1/images", files=files).raise_for_status().json()
    assert finished_job(stack.client, job["links"]["self"])["indexed"] == 1
    told = answers(stack)
    stack.milvus.kill()
    told += answers(stack)
    stack.redis.kill()
    told += answers(stack)
    for worker in (stack.search_worker, stack.ingest_worker):
        worker.stop()
    assert b"worker_unavailable" in told
    assert b"broker_unavailable" in told
    assert SECRET not in told
    assert b"redis" in logs(stack).lower()
    assert SECRET not in logs(stack)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLIMPSE_REDIS_URL", "redis://:kaleidoscope@127.0.0.1:none/0"),
        ("GLIMPSE_MILVUS_URI", "grpc://root:kaleidoscope@127.0.0.1:1"),
    ],
)
def test_a_worker_that_cannot_begin_tells_none(name: str, value: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "worker", "run", "ingest"]
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_BLOBS_DIR": str(tmp_path), name: value}
    run = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, timeout=60, check=False
    )
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert name.encode() in said
    assert b"Traceback" not in said
    assert SECRET not in said
