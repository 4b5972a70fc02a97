"""Queue messages that are not JSON: never unpickled, and no obstacle to later messages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from common.contract import INGEST_CHUNK, INGEST_QUEUE, SEARCH_QUEUE, SEARCH_RUN
from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey


class Harm:
    """Creates a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path / "stack", {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client)
        yield stack


def send(stack: Stack, serializer: str, argument: object) -> None:
    with Celery(broker=stack.redis.url) as sender:
        for queue, task in ((INGEST_QUEUE, INGEST_CHUNK), (SEARCH_QUEUE, SEARCH_RUN)):
            sender.send_task(task, (argument,), queue=queue, serializer=serializer)


@pytest.mark.parametrize("serializer", ["pickle", "yaml"])
def test_what_is_no_json_is_refused_and_not_run(
    stack: Stack, tmp_path: Path, serializer: str
) -> None:
    made = tmp_path / "made"
    argument = Harm(made) if serializer == "pickle" else {"a": "b"}
    send(stack, serializer, argument)
    for worker in (stack.ingest_worker, stack.search_worker):
        wait_for(lambda log=worker.log: b"untrusted content" in log.read_bytes(), 30, "the refusal")
    assert not made.exists()
    files = [("file", ("red.png", picture("red")))]
    job = finished_job(
        stack.client, stack.client.post("/v1/images", files=files).json()["links"]["self"]
    )
    assert job["indexed"] == 1
    hits = stack.client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=30"})
    assert len(hits.json()["hits"]) == 1
