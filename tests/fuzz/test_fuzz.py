"""Fuzzes each target for some seconds with each engine, in a separate process.

FUZZ_S is the time per target in seconds, shared by the engines. FUZZ_SEED is the random
seed; it is fixed in CI, so that a failure there is caused by a change, and random in
`make fuzz`. By default the time is short, since it goes into the same cases in every run.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import miss
from tests.fuzz.coverage import has_wheel
from tests.fuzz.target import NAMES

ROOT = Path(__file__).parent.parent.parent
BUDGET_S = float(os.environ.get("FUZZ_S", "2")) / 2
SEED = os.environ.get("FUZZ_SEED", "1")
# Seconds past the budget for Hypothesis to shrink a failed case, or for libFuzzer to exit.
GRACE_S = 600

pytestmark = [
    pytest.mark.timeout(BUDGET_S + GRACE_S),
    pytest.mark.parametrize("name", NAMES),
]


def fuzz(name: str, engine: str, folder: Path) -> None:
    """Run an engine; its findings are in the folder, since it may exit its process abruptly."""
    run = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "tests.fuzz", name, engine),
            *("--budget-s", str(BUDGET_S), "--seed", SEED, "--folder", str(folder)),
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout[-20_000:]}\n{kept(name, folder)}"


def kept(name: str, folder: Path) -> str:
    """Return the commands that repeat inputs on which an engine hung or ran out of memory."""
    files = [path for path in folder.glob("*-*") if path.is_file()]
    inputs = [base64.b64encode(path.read_bytes()).decode() for path in files]
    return "\n".join(f"{name}: make fuzz-again TARGET={name} INPUT={each}" for each in inputs)


def test_no_case_that_is_drawn_breaks_a_promise(name: str, tmp_path: Path) -> None:
    fuzz(name, "rounds", tmp_path)


def test_no_case_that_reaches_new_code_breaks_a_promise(name: str, tmp_path: Path) -> None:
    if not has_wheel():
        # Not ``miss``: there is nothing to install, and the other engine covers the same targets.
        pytest.skip("atheris has no wheel for this Python or machine")
    try:
        import atheris  # noqa: F401 - only checks that it is installed
    except ImportError:
        miss("atheris is not installed: make setup")
    fuzz(name, "coverage", tmp_path)
