"""The program that takes Python's place in the tests: it ends as what it stands in for."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.polling import wait_for
from tests.support.services import MilvusLite, Valkey
from tests.support.services.forked import stand_in


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([stand_in(), *arguments], capture_output=True, text=True, check=False)


def alive_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that run in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_it_has_the_output_and_the_exit_status_of_a_command() -> None:
    helped = run("-m", "cli", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "glimpse" in helped.stdout
    refused = run("-P", "-m", "cli", "serach")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "serach" in refused.stderr


def test_it_runs_anything_else_as_python() -> None:
    assert run("-c", "import sys; print(sys.argv)", "x").stdout == "['-c', 'x']\n"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_signal_reaches_the_forked_process(
    valkey: Valkey, milvus_lite: MilvusLite, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_MILVUS_URI": milvus_lite.uri,
        "GLIMPSE_BLOBS_DIR": str(tmp_path),
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [stand_in(), "-m", "worker", "run", "search"],
            cwd=tmp_path,
            env={**os.environ, **settings},
            stderr=output,
        )
    wait_for(lambda: "ready." in log.read_text(), 60, "the worker")
    assert len(alive_in(tmp_path)) == 2
    process.send_signal(number)
    assert process.wait(60) == status
    wait_for(lambda: not alive_in(tmp_path), 60, "the forked process's end")
