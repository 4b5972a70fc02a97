"""Benchmarks run, in their shortest form: what they print is measured elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.api.requests import QUESTIONS
from tests.conftest import require
from tests.support.services import Valkey

ROOT = Path(__file__).parent.parent.parent


def run(module: str, *options: str) -> None:
    """Run a benchmark as its command in the Makefile does.

    Raises:
        AssertionError: It failed; what it has written is shown.
    """
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_requests_a_second_of_the_api(tmp_path: Path) -> None:
    require(Valkey)
    out = tmp_path / "api.json"
    run("benchmarks.api", "--rounds", "1", "--seconds", "0.5", "--json", str(out))
    figures = {figure["name"]: figure["value"] for figure in json.loads(out.read_text())["figures"]}
    for question in QUESTIONS.values():
        assert figures[question.name] > 0
        assert figures[f"{question.name}: a bare view"] > 0
