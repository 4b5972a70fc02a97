"""schemathesis asks a live stack whatever the OpenAPI document allows, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.keys.base import SCOPES
from tests.conftest import require
from tests.support.polling import ready
from tests.support.services import MilvusLite, Stack, Valkey

ROOT = Path(__file__).parent.parent.parent
# Cases for each operation in the random phases; the systematic one has its own number.
EXAMPLES = 12
# Characters that a line of its report may show.
_LINE_CHARACTERS_MAX = 500
# Its seed, and where the API means to do what a check does not expect.
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack without keys, until a test makes the first."""
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path_factory.mktemp("stack"), {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client)
        yield stack


def told(output: str) -> str:
    """Return what was found, without the bytes of whole pictures and archives."""
    return "\n".join(line[:_LINE_CHARACTERS_MAX] for line in output.splitlines())


def test_it_finds_nothing(stack: Stack, tmp_path: Path) -> None:
    # The systematic phase takes by far the longest; it is asked of the same routes with a key.
    assert_nothing_found(stack, tmp_path, "examples,fuzzing,stateful")


def test_it_finds_nothing_where_there_are_keys(
    stack: Stack, tmp_path: Path, make_key: Callable[..., str]
) -> None:
    key = make_key("acme", *SCOPES)
    phases = "examples,coverage,fuzzing,stateful"
    assert_nothing_found(stack, tmp_path, phases, "--header", f"Authorization: Bearer {key}")


def assert_nothing_found(stack: Stack, tmp_path: Path, phases: str, *options: str) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", f"{stack.api.url}/openapi.json"),
        *("--checks", "all", "--phases", phases),
        *("--max-examples", str(EXAMPLES), "--continue-on-failure"),
        # One thread: CPython 3.11 cannot parse Python in two at once, as Hypothesis would.
        *("--workers", "1", "--request-timeout", "30", "--no-color"),
        *options,
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
    assert run.returncode == 0, told(run.stdout + run.stderr)
    assert b"Traceback" not in stack.api.log.read_bytes()
