"""`glimpse up` as a real command: startup, refusals, recovery and clean shutdown."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.conftest import miss, require
from tests.support.make import make_command
from tests.support.polling import wait_for
from tests.support.services import MilvusLite, Valkey
from tests.support.services.glimpse_up import GlimpseUp

COLOURS = ("red", "green", "blue")


class MakeUp(GlimpseUp):
    """The stack, started by `make up`."""

    name = "make up"
    forked_from = None

    def command(self) -> list[str]:
        return make_command("up", DATA=self.data, PORT=self.port)

    @property
    def glimpse_pid(self) -> int:
        """Id of the process that make runs."""
        return self.part("glimpse up --data").pid


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "colours"
    folder.mkdir()
    for colour in COLOURS:
        Image.new("RGB", (64, 48), colour).save(folder / f"{colour}.png")
    return folder


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[MakeUp]:
    require(Valkey)
    require(MilvusLite)
    temporary = tmp_path_factory.mktemp("temporary")
    with MakeUp(tmp_path_factory.mktemp("up"), {"TMPDIR": str(temporary)}) as up:
        assert up.glimpse("ingest", str(pictures)).returncode == 0
        yield up


def found(up: GlimpseUp, colour: str) -> str:
    """Return the best hit for a colour, or the error output."""
    run = up.glimpse("search", colour)
    return run.stdout.splitlines()[0].split("\t")[2] if run.returncode == 0 else run.stderr


def test_what_goes_in_comes_out(up: GlimpseUp) -> None:
    for colour in COLOURS:
        assert found(up, colour) == f"colours/{colour}.png"


def test_it_says_its_address_its_model_and_its_folder(up: GlimpseUp) -> None:
    log = up.log.read_text()
    assert f"Glimpse is ready at {up.url}" in log
    assert f"model hashing, data in {up.data}" in log


def test_every_line_carries_the_name_of_its_part(up: GlimpseUp) -> None:
    names = {line.split("|")[0].strip() for line in up.log.read_text().splitlines()}
    assert {"up", "valkey", "worker-search", "worker-ingest-1", "api"} <= names
    assert names <= {"up", "model", "valkey", "milvus", "worker-search", "worker-ingest-1", "api"}


def test_all_data_is_in_its_folder_and_is_the_owners_alone(up: GlimpseUp) -> None:
    assert (up.data / "milvus" / "milvus.db").is_file()
    assert list((up.data / "redis").rglob("*.aof"))
    assert [path for path in (up.data / "blobs").rglob("*") if path.is_file()]
    assert up.data.stat().st_mode & 0o077 == 0


def test_no_log_is_left_among_the_temporary_files(up: GlimpseUp) -> None:
    temporary = Path(psutil.Process(up.part("milvus.db").pid).environ()["TMPDIR"])
    assert list(temporary.glob("milvus*")) == []


def test_only_loopback_is_listened_on(up: GlimpseUp) -> None:
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in up.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_a_second_one_on_the_folder_is_refused(up: MakeUp) -> None:
    before = {process.pid for process in up.processes()}
    second = up.glimpse("up", "--data", str(up.data), "--port", "0")
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.startswith(f"Error: `glimpse up` is already running on {up.data}")
    assert f"process {up.glimpse_pid}" in second.stderr
    assert {process.pid for process in up.processes()} == before


def test_a_port_in_use_is_refused_before_anything_starts(up: GlimpseUp, tmp_path: Path) -> None:
    second = up.glimpse("up", "--data", str(tmp_path / "data"), "--port", str(up.port))
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{up.port}: Address already")


def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    run = GlimpseUp(tmp_path, {"GLIMPSE_MODLE": "starter"}).glimpse("up", "--port", "0")
    assert run.returncode == 2
    assert run.stderr == (
        "Error: GLIMPSE_MODLE is not a Glimpse setting. Did you mean GLIMPSE_MODEL?\n"
    )


def test_a_model_that_does_not_exist_is_refused_before_anything_starts(tmp_path: Path) -> None:
    up = GlimpseUp(tmp_path, {"GLIMPSE_MODEL": "hashin"})
    run = up.glimpse("up", "--port", "0")
    assert run.returncode == 1
    assert "Did you mean hashing?" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not up.processes()


def test_a_worker_that_is_killed_is_started_again(up: GlimpseUp) -> None:
    for queue in ("search", "ingest"):
        worker = up.part(f"worker run {queue}")
        worker.kill()
        wait_for(lambda gone=worker: not gone.is_running(), up.stop_s, "the worker's end")
        wait_for(lambda queue=queue: up.runs(f"worker run {queue}"), up.stop_s, "another worker")
    wait_for(up.answers, up.start_s, "readiness")
    assert found(up, "green") == "colours/green.png"


def test_an_api_that_is_killed_is_started_again_on_its_port(up: MakeUp) -> None:
    (master,) = [process for process in up.runs("gunicorn") if process.ppid() == up.glimpse_pid]
    assert master.children()
    master.kill()
    wait_for(lambda: not master.is_running(), up.stop_s, "gunicorn's end")
    wait_for(up.answers, up.start_s, "readiness")
    assert found(up, "blue") == "colours/blue.png"


def test_told_to_stop_it_ends_all_in_order_and_a_restart_finds_everything(
    tmp_path: Path, pictures: Path
) -> None:
    require(Valkey)
    require(MilvusLite)
    up = GlimpseUp(tmp_path, forked=False)
    try:
        for number, known in ((signal.SIGTERM, 0), (signal.SIGINT, len(COLOURS))):
            up.log.unlink(missing_ok=True)
            up.start()
            ingested = up.glimpse("ingest", str(pictures), "--json")
            assert f'"duplicates": {known}' in ingested.stdout
            assert found(up, "red") == "colours/red.png"
            up.signal(number)
            assert up.wait() == 0
            assert up.processes() == []
            assert not (up.data / "parts.json").exists()
            log = up.log.read_text()
            assert log.index("Shutting down: Master") < log.index("User requested shutdown")
    finally:
        up.stop()


def test_stopped_twice_while_it_starts_it_leaves_nothing_behind(tmp_path: Path) -> None:
    require(Valkey)
    up = GlimpseUp(tmp_path, forked=False)
    up.answers = lambda: (up.data / "parts.json").exists()  # type: ignore[method-assign]
    up.start()
    (part,) = wait_for(lambda: up.runs("valkey"), up.start_s, "the first part")
    # It ends only after the second signal has come.
    part.suspend()
    up.signal(signal.SIGTERM)
    up.signal(signal.SIGINT)
    wait_for(lambda: "already stopping" in up.log.read_text(), up.stop_s, "the second signal")
    part.resume()
    assert up.wait() == 0
    assert up.processes() == []


@pytest.mark.parametrize("path", [os.environ["PATH"], "/nowhere"], ids=["setpriv", "without"])
def test_killed_it_can_be_started_again_at_once_and_no_part_runs_twice(
    path: str, tmp_path: Path, pictures: Path
) -> None:
    require(Valkey)
    require(MilvusLite)
    if path != "/nowhere" and shutil.which("setpriv") is None:
        miss("setpriv is not on PATH (Debian package util-linux)")
    up = GlimpseUp(tmp_path, {"PATH": path}, forked=False).start()
    try:
        assert up.glimpse("ingest", str(pictures)).returncode == 0
        kill(up)
        up.start()
        # Until then, the first run's API may still be answering.
        ready = f"Glimpse is ready at {up.url}"
        wait_for(lambda: up.log.read_text().count(ready) == 2, up.start_s, "the second run")
        assert found(up, "red") == "colours/red.png"
        for part in ("valkey", "milvus.db", "worker run search", "worker run ingest"):
            assert up.part(part).is_running()
        if path != "/nowhere":
            assert_killed_it_takes_its_parts_along(up)
    finally:
        up.stop()
    assert up.processes() == []


def assert_killed_it_takes_its_parts_along(up: GlimpseUp) -> None:
    parts = up.processes()
    assert len(parts) > 5
    kill(up)
    psutil.wait_procs(parts, timeout=up.stop_s)
    assert up.processes() == []


def kill(up: GlimpseUp) -> None:
    up.signal(signal.SIGKILL)
    up.wait()
