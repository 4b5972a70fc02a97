"""Environments of the tools that the benchmarks compare with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.environments import EnvironmentNotMade, environment


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "_FOLDER", tmp_path / "peers")
    return tmp_path / "peers"


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    pins = tmp_path / "pins.txt"
    pins.write_text("# nothing\n")
    return pins


def test_an_environment_is_made_once(pins: Path, folder: Path) -> None:
    python = environment("tool", pins)
    asked = [python, "-c", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(asked, text=True).strip() == str(folder / "tool")
    (folder / "tool" / "mine").touch()
    assert environment("tool", pins) == python
    assert (folder / "tool" / "mine").exists()


def test_other_pins_make_another_environment(pins: Path, folder: Path) -> None:
    environment("tool", pins)
    (folder / "tool" / "mine").touch()
    pins.write_text("# still nothing\n")
    environment("tool", pins)
    assert not (folder / "tool" / "mine").exists()


def test_a_package_that_cannot_be_installed_is_reported_each_time(pins: Path) -> None:
    pins.write_text("./no-such-package\n")
    for _ in range(2):
        with pytest.raises(EnvironmentNotMade, match="no-such-package"):
            environment("tool", pins)
