"""`glimpse ingest` interrupted against a real stack, and resumed by the next run."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import httpx
import pytest

from tests.support.pictures import image_id, jpeg
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services.glimpse_up import GlimpseUp
from tests.support.toll import Toll

# Total pictures, which take three requests.
PICTURES = 250
# Pictures in the first request.
FIRST = 96


@pytest.fixture(scope="module")
def up(shared_up: GlimpseUp) -> GlimpseUp:
    return shared_up


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Pictures that are unique to the test."""
    folder = tmp_path / "photos"
    folder.mkdir()
    mark = request.node.name.encode()
    for n in range(PICTURES):
        (folder / f"{n:03}.jpg").write_bytes(jpeg(n) + mark)
    return folder


class Ingest:
    """`glimpse ingest` as a process that is interrupted at its second upload.

    Args:
        up: The stack.
        folder: Folder to ingest.
    """

    def __init__(self, up: GlimpseUp, folder: Path) -> None:
        self._up = up
        self._folder = folder
        self._held = threading.Event()
        self._let_go = threading.Event()

    def end_by(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal while the second upload hangs; return the exit status and stderr."""
        arguments = ("ingest", str(self._folder), "--connections", "1")
        with (
            Toll(self._up.url, self._hold) as toll,
            self._up.begin(*arguments, url=toll.url) as process,
        ):
            try:
                assert self._held.wait(self._up.start_s)
                process.send_signal(number)
                _, said = process.communicate(timeout=self._up.stop_s)
            finally:
                process.kill()
                self._let_go.set()
        return process.returncode, said

    def _hold(self, upload: int) -> None:
        if upload > 1:
            self._held.set()
            self._let_go.wait()
            raise ConnectionAbortedError


def known(up: GlimpseUp, folder: Path) -> int:
    ids = [image_id(file.read_bytes()) for file in folder.iterdir()]
    answer = httpx.post(f"{up.url}/v1/images/check", json={"ids": ids}, **PLAIN)
    return len(answer.raise_for_status().json()["known"])


def jobs(up: GlimpseUp, folder: Path) -> list[dict[str, object]]:
    """Return the jobs of the folder."""
    listed = httpx.get(f"{up.url}/v1/jobs", **PLAIN).raise_for_status().json()["jobs"]
    return [job for job in listed if job["name"].endswith(f":{folder}")]


def ingest(up: GlimpseUp, folder: Path) -> dict[str, object]:
    run = up.glimpse("ingest", str(folder), "--json")
    assert run.returncode == 0, run.stderr
    summary: dict[str, object] = json.loads(run.stdout)
    return summary


def assert_the_rest_is_sent(up: GlimpseUp, folder: Path) -> None:
    """Check that another run sends exactly the missing pictures, in the same job."""
    wait_for(lambda: known(up, folder) == FIRST, up.start_s, "the first request's pictures")
    (open_job,) = jobs(up, folder)
    summary = ingest(up, folder)
    assert (summary["known"], summary["duplicates"]) == (0, 0)
    assert (summary["sent"], summary["indexed"]) == (PICTURES - FIRST, PICTURES)
    assert summary["jobs"] == [open_job["id"]]
    (job,) = jobs(up, folder)
    assert (job["id"], job["open"], job["indexed"]) == (open_job["id"], False, PICTURES)
    assert known(up, folder) == PICTURES


def test_killed_it_goes_on_where_it_stopped(up: GlimpseUp, folder: Path) -> None:
    status, _ = Ingest(up, folder).end_by(signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert_the_rest_is_sent(up, folder)
    # A third run has nothing to do.
    summary = ingest(up, folder)
    assert (summary["known"], summary["sent"], summary["jobs"]) == (PICTURES, 0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_at_once_and_says_how_to_go_on(
    number: signal.Signals, up: GlimpseUp, folder: Path
) -> None:
    status, said = Ingest(up, folder).end_by(number)
    assert status == 130
    (job,) = jobs(up, folder)
    assert f"To cancel them, run `glimpse cancel {job['id']}`." in said
    assert "Run the same command again to resume." in said
    assert said.endswith("Interrupted.\n")
    assert "Traceback" not in said
    assert_the_rest_is_sent(up, folder)


def test_an_api_that_is_killed_meanwhile_is_waited_for(up: GlimpseUp, folder: Path) -> None:
    def kill(upload: int) -> None:
        if upload == 2:
            (master,) = [process for process in up.runs("gunicorn") if process.ppid() == up.pid]
            master.kill()

    with Toll(up.url, kill) as toll:
        run = up.glimpse("ingest", str(folder), "--json", url=toll.url)
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert (summary["indexed"] + summary["duplicates"], summary["failed"]) == (PICTURES, 0)
    assert run.stderr.count("Retrying in") == 1
    assert known(up, folder) == PICTURES


def test_out_of_patience_it_says_what_is_wrong_and_how_to_go_on(
    up: GlimpseUp, folder: Path
) -> None:
    def break_off(upload: int) -> None:
        if upload > 1:
            raise ConnectionAbortedError

    arguments = ("ingest", str(folder), "--json", "--connections", "1", "--patience", "0")
    with Toll(up.url, break_off) as toll:
        run = up.glimpse(*arguments, url=toll.url)
    assert (run.returncode, run.stdout) == (3, "")
    (job,) = jobs(up, folder)
    cancelling, advice, error = run.stderr.splitlines()
    assert f"`glimpse cancel {job['id']}`" in cancelling
    assert advice == "Run the same command again to resume."
    assert error.startswith(f"Error: The connection to {toll.url} broke: ")
    assert_the_rest_is_sent(up, folder)
