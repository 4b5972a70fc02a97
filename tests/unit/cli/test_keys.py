"""`glimpse keys` without a reachable Redis, or with invalid arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli.keys import keys
from cli.main import run

ROOT = Path(__file__).parent.parent.parent.parent

CREATE = ["keys", "create", "--tenant", "acme", "--name", "laptop", "--scope", "read"]


@pytest.mark.parametrize("arguments", [CREATE, ["keys", "list"], ["keys", "revoke", "0" * 16]])
def test_without_a_stack_a_command_says_what_to_do(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--data", str(tmp_path)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--data" in captured.err
    assert "GLIMPSE_REDIS_URL" in captured.err


@pytest.mark.parametrize("arguments", [CREATE, ["keys", "list"], ["keys", "revoke", "0" * 16]])
def test_a_redis_that_is_away_is_named_without_its_password(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", "redis://user:hidden@127.0.0.1:1/0")
    assert run(arguments) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "redis://127.0.0.1:1/0" in captured.err
    assert "hidden" not in captured.err


def test_the_address_can_be_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "redis_url"
    monkeypatch.setenv("GLIMPSE_REDIS_URL_FILE", str(file))
    assert run(["keys", "list"]) == 3
    assert "GLIMPSE_REDIS_URL_FILE: cannot read" in capsys.readouterr().err
    file.write_text("redis://user:hidden@127.0.0.1:1/0\n")
    assert run(["keys", "list"]) == 3
    assert "Redis at redis://127.0.0.1:1/0 does not answer" in capsys.readouterr().err


def test_an_address_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", "127.0.0.1:6379")
    assert run(["keys", "list"]) == 3
    assert "GLIMPSE_REDIS_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("--tenant", "Acme Inc."),
        ("--tenant", "../other"),
        ("--tenant", "archives"),
        ("--name", ""),
        ("--name", "two\nlines"),
        ("--name", "x" * 129),
        ("--scope", "root"),
        ("--expires-days", "0"),
    ],
)
def test_what_no_key_can_have_is_refused(
    changed: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*CREATE, changed, value, "--data", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert changed in printed.partition("Error: ")[2]
    assert "Value error" not in printed


@pytest.mark.parametrize("left_out", ["--tenant", "--name", "--scope"])
def test_what_a_key_must_have_is_asked_for(
    left_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = CREATE.index(left_out)
    assert run([*CREATE[:at], *CREATE[at + 2 :]]) == 2
    error = capsys.readouterr().err
    assert left_out in error
    assert "\\t" not in error


@pytest.mark.parametrize("folder", ["api", "cli", "common", "deploy", "docs", "worker"])
def test_a_key_is_created_by_what_a_text_says(folder: str) -> None:
    """A command that is copied from a text has all options that it needs."""
    files = [each for each in (ROOT / folder).rglob("*") if each.suffix in {".md", ".py", ".yaml"}]
    text = "\n".join(each.read_text() for each in files)
    for said in re.findall(r"glimpse keys create(?! --help)([^`\"\n)]*)", text):
        assert keys.commands["create"].make_context("create", shlex.split(said)).params
