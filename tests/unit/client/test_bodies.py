"""Request bodies that are read from a file while they are sent."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from glimpse_client.bodies import FileBody
from glimpse_client.errors import FileUnreadable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"0123456789")
    return file


def open_files() -> int:
    return len(psutil.Process().open_files())


def test_it_is_open_only_while_it_is_read(file: Path) -> None:
    before = open_files()
    with FileBody(file) as body:
        assert body.seek(0, os.SEEK_END) == 10
        body.seek(0)
        assert open_files() == before
        assert body.read(4) == b"0123"
        assert open_files() == before + 1
        assert body.read(100) == b"456789"
        assert body.read(100) == b""
        assert open_files() == before


def test_it_can_be_sent_again(file: Path) -> None:
    with FileBody(file) as body:
        for _ in range(2):
            body.seek(0, os.SEEK_END)
            body.seek(0)
            assert body.read() == b"0123456789"


def test_closed_early_it_lets_go(file: Path) -> None:
    before = open_files()
    with FileBody(file) as body:
        body.seek(0, os.SEEK_END)
        body.seek(2)
        assert body.read(1) == b"2"
    assert open_files() == before


def test_a_file_that_grows_keeps_the_length_that_was_announced(file: Path) -> None:
    with FileBody(file) as body:
        body.seek(0, os.SEEK_END)
        body.seek(0)
        with file.open("ab") as more:
            more.write(b"more")
        assert body.read() == b"0123456789"
        # A retry announces the file's current size.
        assert body.seek(0, os.SEEK_END) == 14


def test_a_file_that_shrinks_is_unreadable(file: Path) -> None:
    with FileBody(file) as body:
        body.seek(0, os.SEEK_END)
        body.seek(0)
        file.write_bytes(b"012")
        assert body.read(5) == b"012"
        with pytest.raises(FileUnreadable, match="shorter"):
            body.read(5)


def test_a_file_that_is_gone_is_unreadable(file: Path) -> None:
    with FileBody(file) as body:
        body.seek(0, os.SEEK_END)
        body.seek(0)
        file.unlink()
        with pytest.raises(FileUnreadable, match="No such file") as reading:
            body.read(5)
        with pytest.raises(FileUnreadable):
            body.seek(0, os.SEEK_END)
    assert reading.value.path == file
