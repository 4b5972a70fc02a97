"""schemathesis asks a live stack whatever the OpenAPI document allows, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.polling import ready
from tests.services import MilvusLite, Stack, Valkey

ROOT = Path(__file__).parent.parent.parent
# Cases for each operation in the random phases; the systematic one has its own number.
EXAMPLES = 12
# Its seed, and where the API means to do what a check does not expect.
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path / "stack", {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client)
        yield stack


def test_it_finds_nothing(stack: Stack, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", f"{stack.api.url}/openapi.json"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", str(EXAMPLES), "--continue-on-failure"),
        *("--workers", "2", "--request-timeout", "30", "--no-color"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.e2e.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        # What it keeps of failures goes beside the test's other files.
        command,
        cwd=tmp_path,
        env={**os.environ, **hooks},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    assert b"Traceback" not in stack.api.log.read_bytes()
