"""``python -m worker.liveness``: what a container's liveness probe runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InvalidSettings
from common.settings import PREFIX, Settings
from worker import liveness
from worker.liveness import AGE_MAX_S, VARIABLE, Liveness, main, trouble

# Modules that take a moment to import; the probe runs twice a minute.
SLOW = {"pydantic", "redis", "celery", "torch", "numpy", "click"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def test_a_worker_that_shows_itself_is_alive(file: Path) -> None:
    Liveness(file).show()
    assert trouble(file) is None


def test_a_worker_that_has_not_started_is_not(file: Path) -> None:
    assert "has not started" in str(trouble(file))


def test_a_worker_that_hangs_is_not(file: Path) -> None:
    Liveness(file).show()
    long_ago = time.time() - AGE_MAX_S - 5
    os.utime(file, (long_ago, long_ago))
    assert "restart it" in str(trouble(file))


def test_the_file_of_an_earlier_run_does_not_count(file: Path) -> None:
    Liveness(file).show()
    Liveness(file).begin()
    assert not file.exists()


def test_a_file_that_cannot_be_written_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=f"{VARIABLE}: cannot write .*No such file"):
        Liveness(tmp_path / "none" / "alive").begin()


def test_without_a_file_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Liveness(None).begin()
    Liveness(None).show()
    monkeypatch.delenv(VARIABLE, raising=False)
    assert str(main()) == f"{VARIABLE} is not set; set it for the worker too."


def test_the_variable_is_that_of_the_setting() -> None:
    assert VARIABLE.removeprefix(PREFIX).lower() in Settings.model_fields


def test_the_probe_ends_with_a_status_and_imports_little(file: Path) -> None:
    root = Path(str(liveness.__file__)).parent.parent
    program = "import runpy, sys\ntry:\n runpy.run_module('worker.liveness', run_name='__main__')\n"
    program += "finally:\n print(*{name.partition('.')[0] for name in sys.modules})"
    environ = {**os.environ, VARIABLE: str(file), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", program]
    dead = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (dead.returncode, "has not started" in dead.stderr) == (1, True)
    Liveness(file).show()
    alive = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (alive.returncode, alive.stderr) == (0, "")
    assert not SLOW & set(alive.stdout.split())
