"""``python -m worker health``: the answer to a container's health check."""

from __future__ import annotations

import socket
import time

import pytest
from click.testing import CliRunner

from common.errors import WorkerUnavailable
from common.heartbeats import WORKERS_KEY, RedisHeartbeats
from common.redis.client import connect
from tests.support.inline import heartbeat
from tests.support.services import Valkey
from worker.commands import commands

NAME = f"ingest@{socket.gethostname()}.1"


@pytest.fixture
def heartbeats(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> RedisHeartbeats:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", valkey.url)
    client = connect(valkey.url)
    client.delete(WORKERS_KEY)
    return RedisHeartbeats(client)


def health(queue: str) -> str:
    """Return the error message, or an empty string if the worker is healthy."""
    result = CliRunner().invoke(commands, ["health", queue])
    if result.exit_code == 0:
        return ""
    assert isinstance(result.exception, WorkerUnavailable), result.exception
    return str(result.exception)


def test_a_worker_of_this_host_that_consumes_is_well(heartbeats: RedisHeartbeats) -> None:
    heartbeats.beat(heartbeat("ingest", name=NAME, asked_at=time.time()))
    assert health("ingest") == ""
    assert health("search") == "No worker on this host consumes the queue search."


@pytest.mark.usefixtures("heartbeats")
def test_a_heartbeat_of_an_older_version_is_enough(valkey: Valkey) -> None:
    older = heartbeat("ingest", name=NAME).model_dump_json(exclude={"asked_at"})
    with connect(valkey.url) as client:
        client.hset(WORKERS_KEY, NAME, older)
    assert health("ingest") == ""


def test_a_worker_whose_consumer_hangs_is_not_well(heartbeats: RedisHeartbeats) -> None:
    heartbeats.beat(heartbeat("ingest", name=NAME, asked_at=time.time() - 300))
    assert health("ingest") == "The ingest worker has stopped polling its queue; restart it."
