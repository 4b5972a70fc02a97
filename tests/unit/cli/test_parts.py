"""The parts of a stack: those that run elsewhere are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.errors import RedisNotFound
from cli.service import redis_address
from cli.stack.folder import DataFolder
from cli.stack.parts import Stack, Wanted, lay_out

REDIS, MILVUS = "redis://elsewhere:6379/0", "http://elsewhere:19530"


def stack(tmp_path: Path, ingest_workers: int = 1, **environ: str) -> Stack:
    return lay_out(Wanted(DataFolder(tmp_path), "127.0.0.1", 8000, ingest_workers, environ))


def names(stack: Stack) -> list[str]:
    return [part.name for part in stack.parts]


def test_the_parts_start_after_those_they_need(tmp_path: Path) -> None:
    parts = stack(tmp_path, ingest_workers=2).parts
    assert [(part.name, part.tier) for part in parts] == [
        ("valkey", 0),
        ("milvus", 1),
        ("worker-search", 2),
        ("worker-ingest-1", 2),
        ("worker-ingest-2", 2),
        ("api", 3),
    ]


def test_servers_that_run_elsewhere_are_not_started(tmp_path: Path) -> None:
    other = stack(tmp_path, GLIMPSE_REDIS_URL=REDIS, GLIMPSE_MILVUS_URI=MILVUS)
    assert names(other) == ["worker-search", "worker-ingest-1", "api"]
    assert other.environ["GLIMPSE_REDIS_URL"] == REDIS
    assert other.environ["GLIMPSE_MILVUS_URI"] == MILVUS
    assert names(stack(tmp_path, GLIMPSE_REDIS_URL=REDIS))[0] == "milvus"
    assert "milvus" not in names(stack(tmp_path, GLIMPSE_MILVUS_URI=MILVUS))


def test_the_parts_are_told_where_everything_is(tmp_path: Path) -> None:
    environ = stack(tmp_path).environ
    assert environ["GLIMPSE_REDIS_URL"].startswith("redis://127.0.0.1:")
    assert environ["GLIMPSE_MILVUS_URI"].startswith("http://127.0.0.1:")
    assert environ["GLIMPSE_BLOBS_DIR"] == str(tmp_path / "blobs")


def test_the_folder_tells_where_its_redis_is(tmp_path: Path) -> None:
    url = stack(tmp_path).environ["GLIMPSE_REDIS_URL"]
    assert redis_address.find(tmp_path) == url
    DataFolder(tmp_path).forget_parts()
    with pytest.raises(RedisNotFound, match="--data"):
        redis_address.find(tmp_path)


def test_the_folder_does_not_tell_of_a_redis_elsewhere(tmp_path: Path) -> None:
    # Do not store the address, which may contain a password.
    stack(tmp_path, GLIMPSE_REDIS_URL="redis://:secret@elsewhere:6379/0")
    with pytest.raises(RedisNotFound):
        redis_address.find(tmp_path)


def test_originals_may_be_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = "s3://bucket/prefix"
    assert "GLIMPSE_BLOBS_DIR" not in stack(tmp_path, GLIMPSE_BLOBS_URL=url).environ
    environ = stack(tmp_path, GLIMPSE_BLOBS_DIR="pictures").environ
    assert environ["GLIMPSE_BLOBS_DIR"] == str(tmp_path / "pictures")
    home = stack(tmp_path, GLIMPSE_BLOBS_DIR="~/pictures").environ
    assert home["GLIMPSE_BLOBS_DIR"] == str(Path.home() / "pictures")


def test_certificates_are_found_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "rediss://elsewhere"
    environ = stack(tmp_path, GLIMPSE_REDIS_URL=url, GLIMPSE_REDIS_CA="ca.pem").environ
    assert environ["GLIMPSE_REDIS_CA"] == str(tmp_path / "ca.pem")


def test_every_part_runs_on_loopback_ports_of_its_own(tmp_path: Path) -> None:
    first, second = stack(tmp_path), stack(tmp_path)
    urls = [
        s.environ[key]
        for s in (first, second)
        for key in ("GLIMPSE_REDIS_URL", "GLIMPSE_MILVUS_URI")
    ]
    assert len({url.rsplit(":", 1)[1] for url in urls}) == len(urls)
    config = (tmp_path / "redis" / "valkey.conf").read_text()
    assert "bind 127.0.0.1\n" in config
    assert "appendonly yes\n" in config
    assert "maxmemory-policy noeviction\n" in config


def test_as_many_workers_of_another_model_can_stand_by(tmp_path: Path) -> None:
    found = stack(tmp_path, ingest_workers=2)
    assert [part.name for part in found.standby] == [
        "standby-search",
        "standby-ingest-1",
        "standby-ingest-2",
    ]
    workers = [part for part in found.parts if part.name.startswith("worker")]
    assert [part.argv for part in found.standby] == [part.argv for part in workers]


def test_each_worker_has_a_port_of_metrics_if_there_is_to_be_one(tmp_path: Path) -> None:
    def ports(stack: Stack) -> dict[str, str]:
        return {
            part.name: part.env["GLIMPSE_METRICS_BIND"]
            for part in (*stack.parts, *stack.standby)
            if "GLIMPSE_METRICS_BIND" in part.env
        }

    given = ports(stack(tmp_path, ingest_workers=2, GLIMPSE_METRICS_BIND="9464"))
    assert given == {
        "worker-search": "127.0.0.1:9464",
        "worker-ingest-1": "127.0.0.1:9465",
        "worker-ingest-2": "127.0.0.1:9466",
        "standby-search": "127.0.0.1:9467",
        "standby-ingest-1": "127.0.0.1:9468",
        "standby-ingest-2": "127.0.0.1:9469",
    }
    assert set(ports(stack(tmp_path)).values()) == {""}
