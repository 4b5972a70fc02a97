"""The data folder: one holder at a time, which ends an earlier holder's processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import psutil
import pytest

from cli.stack.folder import hold, may_have_keys
from common.errors import DataDirBusy

# Holds a data folder until stdin closes, and starts a process that outlives it.
HOLDER = """
import subprocess, sys
from pathlib import Path
from cli.stack.folder import hold
with hold(Path(sys.argv[1])) as folder:
    part = subprocess.Popen(["sleep", "60"], start_new_session=True)
    folder.note_part("part", part.pid)
    print(part.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_folder_is_held_once_and_the_message_names_the_holder(
    holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    part = psutil.Process(int(holder.stdout.readline()))
    with pytest.raises(DataDirBusy, match=rf"process {holder.pid}\b"), hold(tmp_path / "data"):
        pass
    assert part.is_running()
    part.kill()


def test_what_a_killed_holder_left_running_is_ended(
    holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    part = psutil.Process(int(holder.stdout.readline()))
    holder.kill()
    holder.wait()
    with hold(tmp_path / "data"):
        assert not part.is_running()


def test_a_process_that_got_the_number_of_a_part_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        data.mkdir()
        (data / "parts.json").write_text(f"[[{stranger.pid}, 1.5]]")
        with hold(data):
            assert psutil.Process(stranger.pid).is_running()
        stranger.kill()


def test_the_folder_can_be_held_again_and_has_a_place_for_each_part(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path / "data") as folder:
            places = (folder.redis, folder.milvus, folder.blobs)
            assert all(place.is_dir() and place.is_absolute() for place in places)
            folder.note_part("gone", 2**22 + 1)
            folder.forget_parts()
    assert not (tmp_path / "data" / "parts.json").exists()


def test_notes_that_are_damaged_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_text("[[")
    with hold(tmp_path) as folder:
        assert folder.path == tmp_path


def test_a_folder_of_other_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "blobs", "c.jpg", "d.jpg"):
        (tmp_path / name).touch()
    refusal = r"holds other files \(a\.jpg, b\.jpg, c\.jpg, \.\.\.\)\. Name a new folder"
    with pytest.raises(click.BadParameter, match=refusal), hold(tmp_path):
        pass
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    "names",
    [
        [".DS_Store", "lost+found"],
        ["demo"],
        ["up.log"],
        ["blobs", "milvus", "redis", "parts.json"],
        ["up.lock", "notes.txt"],
    ],
)
def test_a_folder_of_glimpse_is_not_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with hold(tmp_path) as folder:
        assert folder.path == tmp_path


@pytest.mark.parametrize("place", ["file/data", "file"])
def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / place
    with pytest.raises(click.BadParameter, match=rf"{data} cannot be used: \w+"), hold(data):
        pass


def test_there_may_be_keys_where_valkey_has_run(tmp_path: Path) -> None:
    with hold(tmp_path) as folder:
        assert not may_have_keys(tmp_path)
        (folder.redis / "appendonlydir").mkdir()
        assert may_have_keys(tmp_path)
