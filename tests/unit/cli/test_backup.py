"""`glimpse backup` and `restore`, where there is no service, or what is given is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.main import run
from cli.service.environ import found_environ, required_environ


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_without_a_stack_it_says_what_to_name(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("GLIMPSE_REDIS_URL", raising=False)
    data = tmp_path / "data"
    assert run([command, str(tmp_path / "target"), "--data", str(data)]) == 3
    assert "--data" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_check_computes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["restore", "somewhere", "--check", "--rebuild"]) == 2
    assert "omit --rebuild" in capsys.readouterr().err


def test_addresses_of_a_stack_are_found_unless_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "redis.url").write_text("redis://here:1/0")
    (tmp_path / "milvus.url").write_text("http://here:2")
    found = required_environ({}, tmp_path)
    assert found == {
        "GLIMPSE_REDIS_URL": "redis://here:1/0",
        "GLIMPSE_MILVUS_URI": "http://here:2",
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
    }
    given = {
        "GLIMPSE_REDIS_URL_FILE": os.devnull,
        "GLIMPSE_MILVUS_URI": "http://there:3",
        "GLIMPSE_BLOBS_URL": "s3://bucket",
    }
    assert required_environ(given, tmp_path) == given == found_environ(given, tmp_path)
