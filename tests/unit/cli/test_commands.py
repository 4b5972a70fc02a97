"""The command line's help, completion and errors, without a running service."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.main import commands, run


def test_help_names_every_exit_status_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("GLIMPSE_URL", "GLIMPSE_API_KEY", "  0  ", "  1  ", "  2  ", "  3  ", "  130"):
        assert word in shown


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"glimpse {name}" in capsys.readouterr().out


def examples(command: click.Command) -> list[list[str]]:
    """Return the arguments of each example in a command's help."""
    lines = (command.help or "").partition("Example:")[2].splitlines()
    # The shell handles everything after a pipe or a redirection.
    calls = (line.partition("|")[0].partition(">")[0].strip() for line in lines)
    return [shlex.split(call) for call in calls if call]


@pytest.mark.parametrize(
    "name",
    sorted(
        # Each command of a group has its own examples.
        name
        for name, command in commands.commands.items()
        if not isinstance(command, click.Group)
    ),
)
def test_every_commands_help_has_examples_that_can_be_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "dog.jpg").touch()
    monkeypatch.chdir(tmp_path)
    found = examples(commands.commands[name])
    assert found
    for _, called, *arguments in found:
        context = commands.commands[called].make_context(called, arguments)
        assert context.params


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_GLIMPSE_COMPLETE=" in capsys.readouterr().out


def test_words_are_completed() -> None:
    """Runs the command line as the script of ``glimpse completion bash`` does."""

    def complete(*words: str) -> list[str]:
        asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        environ = {**os.environ, **asked, "_GLIMPSE_COMPLETE": "bash_complete"}
        command = [sys.executable, "-m", "cli"]
        found = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        return [line.partition(",")[2] for line in found.stdout.splitlines()]

    assert {"ingest", "search", "up"} <= set(complete("glimpse", ""))
    assert complete("glimpse", "sea") == ["search"]
    assert complete("glimpse", "jobs", "--state", "ru") == ["running"]


def test_the_client_brings_little_with_it() -> None:
    heavy = "{'torch', 'pymilvus', 'flask', 'celery', 'redis', 'PIL', 'api', 'cli', 'common'}"
    code = f"import sys, glimpse_client; sys.exit(str({heavy} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stderr.strip() == "set()"


def test_a_typing_error_is_answered_with_the_nearest_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["serach", "a dog"]) == 2
    assert "Did you mean 'search'?" in capsys.readouterr().err


def test_an_option_that_is_a_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--batch-max", "8"]) == 2
    message = "No such option '--batch-max'. It is a setting of the service: GLIMPSE_BATCH_MAX.\n"
    assert capsys.readouterr().err.endswith(message)
    assert run(["up", "--dta", "/tmp"]) == 2
    assert "Did you mean '--data'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["search", "ingest", "dead-letters list"])
def test_an_option_that_comes_before_the_command_is_explained(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--url", "http://localhost"]) == 2
    message = f"No such option '--url'. It comes before the command: glimpse --url ... {command}."
    assert capsys.readouterr().err.endswith(f"{message}\n")


def test_a_path_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ingest", "/nowhere/at/all"]) == 2
    assert "/nowhere/at/all" in capsys.readouterr().err


def test_a_folder_without_pictures_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert run(["ingest", str(tmp_path)]) == 1
    assert f"No pictures found in {tmp_path}, by their suffixes. Skipped 1 .txt." in (
        capsys.readouterr().err
    )


def test_without_a_server_a_command_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_URL", "http://127.0.0.1:1")
    assert run(["search", "a dog"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: No server answers at http://127.0.0.1:1.")


def test_an_option_names_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_URL", "http://elsewhere.test")
    assert run(["--url", "http://127.0.0.1:1", "jobs"]) == 3
    assert "No server answers at http://127.0.0.1:1." in capsys.readouterr().err


def test_an_address_that_is_none_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_URL", "localhost:8000")
    for arguments, name in (
        ([], "GLIMPSE_URL"),
        (["--url", "localhost:8001"], "The server's address"),
    ):
        assert run([*arguments, "jobs"]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"Error: {name} is")
        assert "it must begin with http:// or https://" in error


@pytest.mark.parametrize("command", [["jobs"], ["mcp"]])
def test_a_key_that_cannot_be_sent_is_a_wrong_setting(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_API_KEY", "…")
    assert run(command) == 2
    assert "GLIMPSE_API_KEY" in capsys.readouterr().err


def test_up_refuses_a_setting_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_MODLE", "starter")
    assert run(["up", "--data", str(tmp_path / "data")]) == 2
    assert "Did you mean GLIMPSE_MODEL?" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_up_refuses_a_number_of_processes_that_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "abc")
    assert run(["up", "--data", str(tmp_path / "data")]) == 2
    assert "WEB_CONCURRENCY: give a whole number" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_up_refuses_to_be_open_to_others_by_accident(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for data in (tmp_path, tmp_path / "data"):
        assert run(["up", "--data", str(data), "--host", "0.0.0.0"]) == 1
        assert "--allow-open" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_up_makes_no_folder_if_its_port_is_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert run(["up", "--data", str(tmp_path / "data"), "--port", port]) == 1
    assert "Address already in use" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_up_refuses_a_folder_of_pictures_and_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").touch()
    monkeypatch.chdir(tmp_path)
    assert run(["up", "--data", "pictures", "--port", "0"]) == 2
    assert "Invalid value for --data: " in capsys.readouterr().err
    assert run(["up", "--data", "", "--port", "0"]) == 2
    assert "give the name of a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["pictures", "a.jpg"]


@pytest.mark.parametrize("name", ["GLIMPSE_BLOBS_DIR", "GLIMPSE_BLOBS_URL"])
def test_up_refuses_a_folder_of_originals_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / "file" / "blobs"
    folder.parent.touch()
    monkeypatch.setenv(name, f"file://{folder}" if name.endswith("URL") else str(folder))
    assert run(["up", "--data", str(tmp_path / "data"), "--port", "0"]) == 2
    assert f"{name}: {folder} cannot be used: Not a directory." in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_demo_without_its_folder_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--photos", str(tmp_path / "x"), "--data", str(tmp_path / "data")]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "command", [["search", "dog", "--sheet"], ["demo", "--sheet"], ["bench", "--json"]]
)
def test_a_file_that_cannot_be_written_is_refused_first(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "note").touch()
    for folder in ("nowhere", "note"):
        assert run([*command, str(tmp_path / folder / "sheet.png")]) == 2
        assert f"There is no folder '{tmp_path / folder}'." in capsys.readouterr().err


def test_the_command_line_loads_neither_torch_nor_the_server() -> None:
    heavy = "{'torch', 'pymilvus', 'flask', 'celery', 'psutil'}"
    code = f"import sys, cli.main; sys.exit(str({heavy} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stderr.strip() == "set()"
