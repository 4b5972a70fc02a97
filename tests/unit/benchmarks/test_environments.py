"""Environments of peers: made once, and made again when their requirements change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.environments import NotInstalled, python_of


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "some-peer.txt"
    file.write_text("# Nothing.\n")
    return file


def test_an_environment_is_made_once(requirements: Path, tmp_path: Path) -> None:
    python = python_of(requirements, tmp_path)
    program = "import sys; print(sys.prefix)"
    prefix = subprocess.check_output([python, "-c", program], text=True).strip()
    assert prefix == str(tmp_path / "some-peer") != sys.prefix
    left = python.parent.parent / "left"
    left.touch()
    assert python_of(requirements, tmp_path) == python
    assert left.exists()


def test_changed_requirements_make_it_again(requirements: Path, tmp_path: Path) -> None:
    left = python_of(requirements, tmp_path).parent.parent / "left"
    left.touch()
    requirements.write_text("# Nothing else.\n")
    python_of(requirements, tmp_path)
    assert not left.exists()


def test_requirements_that_cannot_be_installed_are_reported(
    requirements: Path, tmp_path: Path
) -> None:
    requirements.write_text("./absent\n")
    for _ in range(2):
        with pytest.raises(NotInstalled, match="absent"):
            python_of(requirements, tmp_path)
