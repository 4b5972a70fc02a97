"""`glimpse doctor` and a real Valkey with settings that lose data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from cli.doctor import redis as redis_checks
from cli.doctor.checks import findings
from common.blobs.mark import BlobMark, FolderMark
from common.redis.address import RedisAddress
from common.redis.client import connect
from tests.support.services import Valkey, free_port


@pytest.fixture
def redis(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A client of a server whose settings may be changed, on a machine that may be busy."""
    monkeypatch.setattr(redis_checks, "_LATENCY_MS_MAX", 10_000)
    names = ("appendonly", "maxmemory", "maxmemory-policy")
    with connect(valkey.url) as client:
        before = {name: client.config_get(name)[name] for name in names}  # type: ignore[index]
        yield client
        for name, value in before.items():
            client.config_set(name, value)


def levels(redis: Redis, valkey: Valkey) -> dict[str, str]:
    found = redis_checks.look(redis, RedisAddress.parse(valkey.url))
    return {each.check: each.level for each in found}


def test_good_settings_are_fine(redis: Redis, valkey: Valkey) -> None:
    redis.config_set("appendonly", "yes")
    assert levels(redis, valkey) == dict.fromkeys(
        ("version", "persistence", "eviction", "memory", "latency", "clock"), "ok"
    )


@pytest.mark.parametrize(
    ("name", "value", "check", "level"),
    [
        ("appendonly", "no", "persistence", "warning"),
        ("maxmemory-policy", "allkeys-lru", "eviction", "error"),
        ("maxmemory", "1mb", "memory", "warning"),
    ],
)
def test_a_setting_that_loses_data_is_reported(
    redis: Redis, valkey: Valkey, name: str, value: str, check: str, level: str
) -> None:
    redis.config_set("appendonly", "yes")
    redis.config_set(name, value)
    found = levels(redis, valkey)
    assert {key: each for key, each in found.items() if each != "ok"} == {check: level}


def test_without_redis_the_rest_is_still_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("GLIMPSE_URL", f"http://127.0.0.1:{port}")
    environ = {
        "GLIMPSE_REDIS_URL": f"redis://127.0.0.1:{port}",
        "GLIMPSE_MILVUS_URI": f"http://127.0.0.1:{port}",
    }
    found = {(each.part, each.level) for each in findings(tmp_path, environ)}
    assert found == {("redis", "error"), ("milvus", "error"), ("api", "error")}


def test_a_folder_that_is_not_the_services_is_an_error_and_left_as_it_is(
    redis: Redis, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("GLIMPSE_URL", f"http://127.0.0.1:{port}")
    environ = {"GLIMPSE_REDIS_URL": valkey.url, "GLIMPSE_MILVUS_URI": f"http://127.0.0.1:{port}"}
    BlobMark(redis, FolderMark(tmp_path / "blobs")).put()
    for name, level in (("blobs", "ok"), ("other", "error")):
        environ["GLIMPSE_BLOBS_DIR"] = str(tmp_path / name)
        found = {each.check: each for each in findings(tmp_path, environ) if each.part == "blobs"}
        assert found["works"].level == level
    assert "not the service's blobs" in found["works"].text
    assert not (tmp_path / "other").exists()
    redis.flushall()
