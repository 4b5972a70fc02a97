"""`glimpse migrate`, where it cannot know the source or whether workers run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run

COMMAND = ["migrate", "--to", "http://127.0.0.1:1"]


@pytest.mark.parametrize("options", [[], ["--finish"]])
def test_without_a_stack_it_says_what_to_name(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMAND, *options, "--data", str(tmp_path)]) == 3
    assert "--data" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_workers_must_be_known_before_it_finishes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_MILVUS_URI", "http://127.0.0.1:1")
    monkeypatch.delenv("GLIMPSE_REDIS_URL", raising=False)
    assert run([*COMMAND, "--finish"]) == 1
    assert "Set GLIMPSE_REDIS_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["", "milvus:19530", "milvus.db", "http://", "http://u:pw@a:99999"]
)
def test_what_is_no_address_of_milvus_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate", "--to", address]) == 2
    printed = capsys.readouterr().err
    assert "Invalid value for '--to': give a URL" in printed
    assert "pw" not in printed
