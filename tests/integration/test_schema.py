"""The schema of the data: who raises it, and that every program refuses newer data at its start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from cli.exit_codes import INCOMPLETE
from cli.main import run
from common import schema
from common.contract import QUEUES
from common.errors import BrokerUnavailable, SchemaNewer
from common.exit_codes import MISCONFIGURED
from common.redis.client import connect
from tests.support.services import Api, ServiceNotStarted, Valkey, Worker, free_port

NEWER = schema.READS + 1
SENTENCE = f"Redis holds data of schema {NEWER}, and this version reads schemas up to"


@pytest.fixture
def redis(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", valkey.url)
    with connect(valkey.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def newer(redis: Redis) -> Iterator[None]:
    """The data is of a newer version, before and after."""
    redis.set(schema.KEY, NEWER)
    yield
    assert redis.get(schema.KEY) == str(NEWER)
    assert redis.keys() == [schema.KEY]


def test_the_first_program_notes_what_it_writes(redis: Redis) -> None:
    schema.check(redis)
    assert redis.get(schema.KEY) == str(schema.WRITES)
    schema.check(redis)


def test_data_of_an_earlier_version_is_read_and_the_schema_raised(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.check(redis)
    monkeypatch.setattr(schema, "READS", 3)
    monkeypatch.setattr(schema, "WRITES", 2)
    schema.check(redis)
    assert redis.get(schema.KEY) == "2"
    # The next release, beside it.
    redis.set(schema.KEY, 3)
    schema.check(redis)
    assert redis.get(schema.KEY) == "3"


@pytest.mark.usefixtures("newer")
def test_a_newer_schema_is_refused(redis: Redis) -> None:
    with pytest.raises(SchemaNewer, match=SENTENCE):
        schema.check(redis)


def test_without_redis_nothing_is_known() -> None:
    with connect(f"redis://127.0.0.1:{free_port()}/0") as redis, pytest.raises(BrokerUnavailable):
        schema.check(redis)


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_refuses_it(valkey: Valkey, tmp_path: Path, queue: str) -> None:
    worker = Worker(tmp_path, {"GLIMPSE_REDIS_URL": valkey.url}, queue)
    with pytest.raises(ServiceNotStarted, match=f"schema_newer: {SENTENCE}"):
        worker.start()


@pytest.mark.usefixtures("newer")
def test_the_api_refuses_it(valkey: Valkey, tmp_path: Path) -> None:
    api = Api(tmp_path, {"GLIMPSE_REDIS_URL": valkey.url})
    environ = {**os.environ, **api.environ()}
    ended = subprocess.run(
        api.command(), env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == MISCONFIGURED
    assert f"schema_newer: {SENTENCE}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize("command", [["keys", "list"], ["tenants", "list"]])
def test_a_command_refuses_it(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == INCOMPLETE
    assert SENTENCE in capsys.readouterr().err
