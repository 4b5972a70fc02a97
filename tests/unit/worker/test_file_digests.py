"""Digests of files are computed once for each version of a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from worker.encoders.file_digests import FileDigests, is_settled, version_of


class Counted:
    """A digest that tells how often it was computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return f"computed {self.times}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(b"first")
    return path


def digests(file: Path, settled_s: float = 0.0) -> FileDigests:
    return FileDigests(file.parent / "cache", settled_s)


def test_the_second_start_computes_nothing(file: Path) -> None:
    counted = Counted()
    assert [digests(file).of(file, "kind", counted) for _ in range(2)] == ["computed 1"] * 2
    assert digests(file).of(file, "another", counted) == "computed 2"


def test_it_is_the_sha256(file: Path) -> None:
    expected = hashlib.sha256(b"first").hexdigest()
    assert [digests(file).sha256_of(file) for _ in range(2)] == [expected] * 2


def test_a_changed_file_is_read_again_even_with_its_old_date(file: Path) -> None:
    before = file.stat()
    digests(file).sha256_of(file)
    # The clock of a filesystem moves in steps of some milliseconds.
    while file.stat().st_ctime_ns == before.st_ctime_ns:
        file.write_bytes(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests(file).sha256_of(file) == hashlib.sha256(b"other").hexdigest()


def test_a_file_that_has_just_changed_is_not_kept(file: Path) -> None:
    counted = Counted()
    for _ in range(2):
        digests(file, settled_s=3600).of(file, "kind", counted)
    assert counted.times == 2


def test_a_file_that_changes_meanwhile_is_not_kept(file: Path) -> None:
    def write() -> str:
        file.write_bytes(b"while it was read")
        return "of a mixture"

    assert digests(file).of(file, "kind", write) == "of a mixture"
    assert digests(file).of(file, "kind", lambda: "of the whole") == "of the whole"


@pytest.mark.parametrize("content", ["", "[]", "{}", "\x00"])
def test_a_damaged_entry_is_computed_again(file: Path, content: str) -> None:
    digests(file).sha256_of(file)
    (entry,) = (file.parent / "cache" / "digests").iterdir()
    entry.write_text(content)
    assert digests(file).sha256_of(file) == hashlib.sha256(b"first").hexdigest()


def test_without_a_writable_cache_it_computes_each_time(file: Path) -> None:
    (file.parent / "cache").write_text("a file in the place of the folder")
    assert digests(file).sha256_of(file) == hashlib.sha256(b"first").hexdigest()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileDigests(tmp_path / "cache").sha256_of(tmp_path / "missing")


def test_a_file_is_settled_while_it_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"data")
    version = version_of(file)
    assert is_settled(file, version, settled_s=0.0)
    # It is so new that another change might not be noticed.
    assert not is_settled(file, version, settled_s=3600.0)
    file.write_bytes(b"other data")
    assert not is_settled(file, version, settled_s=0.0)
