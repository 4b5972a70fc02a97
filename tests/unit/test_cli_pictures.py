"""Which files are sent, under which names, how many at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import pictures
from cli.pictures import Unreadable, find_pictures, requests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("b/2.PNG", "a/1.jpg", "notes.txt", ".hidden.jpg", ".git/3.jpg", "4.webp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"12345")
    return folder


def names(*paths: Path) -> list[str]:
    return [picture.name for picture in find_pictures(paths)]


def test_a_folder_gives_what_looks_like_a_picture_and_is_not_hidden(folder: Path) -> None:
    assert names(folder) == ["photos/4.webp", "photos/a/1.jpg", "photos/b/2.PNG"]


def test_a_file_that_is_named_is_sent_whatever_it_looks_like(folder: Path) -> None:
    assert names(folder / "notes.txt", folder / ".hidden.jpg") == ["notes.txt", ".hidden.jpg"]


def test_a_file_that_is_given_twice_is_sent_once(folder: Path) -> None:
    assert names(folder / "a" / "1.jpg", folder / "a") == ["1.jpg"]


def test_the_current_folder_keeps_its_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "a")
    assert names(Path()) == ["a/1.jpg"]
    assert names(Path("../b")) == ["b/2.PNG"]


def test_a_name_that_is_no_utf8_can_be_sent(tmp_path: Path) -> None:
    file = tmp_path / "caf\udce9.jpg"
    file.write_bytes(b"x")
    assert names(file) == ["caf\N{REPLACEMENT CHARACTER}.jpg"]


def test_requests_are_bounded_in_files_and_in_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_pictures([folder])
    sizes = [len(batch) for batch in requests(found, [])]
    assert sizes == [3]
    monkeypatch.setattr(pictures, "_REQUEST_PICTURES", 2)
    assert [len(batch) for batch in requests(found, [])] == [2, 1]
    monkeypatch.setattr(pictures, "_REQUEST_BYTES", 9)
    assert [len(batch) for batch in requests(found, [])] == [1, 1, 1]


def test_a_file_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    (folder / "a" / "0.jpg").symlink_to("nowhere")
    unreadable: list[Unreadable] = []
    batches = list(requests(find_pictures([folder / "a"]), unreadable))
    assert [picture.name for batch in batches for picture in batch] == ["a/1.jpg"]
    assert [(file.picture.name, file.reason) for file in unreadable] == [
        ("a/0.jpg", "No such file or directory")
    ]
