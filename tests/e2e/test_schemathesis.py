"""schemathesis tests a live stack with valid and invalid requests."""

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
# Cases per operation in the random phases; the systematic phase determines its own number.
EXAMPLES = 12
# Maximum characters to show of a line of its report.
_LINE_CHARACTERS_MAX = 500
# Its seed, and intended deviations from its checks.
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack without API keys, until the test creates one."""
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path_factory.mktemp("stack"), {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client)
        yield stack


def told(output: str) -> str:
    """Return the report with long lines truncated: they contain whole pictures and archives."""
    return "\n".join(line[:_LINE_CHARACTERS_MAX] for line in output.splitlines())


# Thousands of requests: some minutes on a busy machine.
@pytest.mark.timeout(900)
def test_it_finds_nothing(stack: Stack, tmp_path: Path, make_key: Callable[..., str]) -> None:
    # With a key: the unit tests of each route are those of a service without keys.
    key = make_key("acme", *SCOPES)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", f"{stack.api.url}/openapi.json"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", str(EXAMPLES), "--continue-on-failure"),
        # One thread: CPython 3.11 cannot parse Python in two threads at once, as Hypothesis would.
        *("--workers", "1", "--request-timeout", "30", "--no-color"),
        *("--header", f"Authorization: Bearer {key}"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.e2e.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        # Its failure database goes into the test's temporary folder.
        command,
        cwd=tmp_path,
        env={**os.environ, **hooks},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, told(run.stdout + run.stderr)
    assert stack.api.traceback == ""
