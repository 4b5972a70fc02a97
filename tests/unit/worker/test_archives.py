"""The pictures of valid archives, from different writers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import EmptyArchive
from common.images.archive_formats import MEDIA_TYPES, ArchiveKind
from tests.support import pictures
from tests.support.archives import WIDE, archive_of, names, read_all, tar_of, zip_of
from worker.archives.names import label
from worker.archives.reader import read_archive

KINDS: tuple[ArchiveKind, ...] = tuple(MEDIA_TYPES)
RED, BLUE = pictures.picture("red"), pictures.picture("blue")
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

Write = Callable[[list[tuple[str, bytes]]], bytes]

# Every format that Python's own modules write and Glimpse reads.
WRITERS: dict[str, tuple[ArchiveKind, Write]] = {
    "stored": ("zip", lambda files: zip_of(files, zipfile.ZIP_STORED)),
    "deflated": ("zip", zip_of),
    "gnu": ("tar", lambda files: tar_of(files, tarfile.GNU_FORMAT)),
    "pax": ("tar", lambda files: tar_of(files, tarfile.PAX_FORMAT)),
    "gnu.gz": ("gzip", lambda files: gzip.compress(tar_of(files, tarfile.GNU_FORMAT))),
    "pax.gz": ("gzip", lambda files: gzip.compress(tar_of(files, tarfile.PAX_FORMAT))),
    "pax.xz": ("xz", lambda files: lzma.compress(tar_of(files), preset=1)),
    "pax.bz2": ("bzip2", lambda files: bz2.compress(tar_of(files))),
}

# Paths that need no cleaning, so they must be read back unchanged.
PATHS = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=2, max_size=150), min_size=1, max_size=3
).map(lambda parts: "/".join(parts) + ".jpg")
FILES = st.lists(
    st.tuples(PATHS, st.binary(max_size=2000)),
    min_size=1,
    max_size=5,
    unique_by=lambda file: file[0],
)


@EVERY_KIND
def test_pictures_come_in_the_order_of_the_archive(kind: ArchiveKind) -> None:
    files = [("b/2.png", BLUE), ("a/1.png", RED), ("b/1.png", RED)]
    assert read_all(archive_of(files, kind), kind) == files


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=15, deadline=None)
@given(files=FILES)
def test_what_python_writes_is_read_back(writer: str, files: list[tuple[str, bytes]]) -> None:
    kind, write = WRITERS[writer]
    assert read_all(write(files), kind) == files


@EVERY_KIND
def test_reading_again_gives_the_same(kind: ArchiveKind) -> None:
    data = archive_of([(f"{number}.jpg", bytes([number])) for number in range(30)], kind)
    assert read_all(data, kind) == read_all(data, kind)


@EVERY_KIND
def test_of_a_webdataset_shard_the_sidecars_stay_behind(kind: ArchiveKind) -> None:
    files = [
        (f"{key}.{end}", data)
        for key in ("000", "001")
        for end, data in (("cls", b"7"), ("jpg", RED), ("json", b"{}"), ("txt", b"P1 is a post"))
    ]
    assert names(archive_of(files, kind), kind) == ["000.jpg", "001.jpg"]


@EVERY_KIND
def test_a_picture_without_a_pictures_name_is_found_by_its_bytes(kind: ArchiveKind) -> None:
    heic = b"\x00\x00\x00\x18ftypheic" + bytes(20)
    files = [("IMG_1", RED), ("2.heic", heic), ("3.dat", b"data"), ("4", b""), ("5.txt", BLUE)]
    expected = [("IMG_1", RED), ("2.heic", heic), ("5.txt", BLUE)]
    assert read_all(archive_of(files, kind), kind) == expected


@EVERY_KIND
def test_a_pictures_name_is_taken_at_its_word(kind: ArchiveKind) -> None:
    files = [("no picture.jpg", b"text"), ("nothing.PNG", b"")]
    assert read_all(archive_of(files, kind), kind) == files


@EVERY_KIND
def test_what_systems_leave_in_archives_is_passed_over(kind: ArchiveKind) -> None:
    hidden = ("__MACOSX/._1.jpg", "a/._1.jpg", ".git/1.jpg", "a/.b/1.jpg", ".hidden.jpg")
    files = [*((name, RED) for name in hidden), ("Thumbs.db", b"\xd0\xcf\x11\xe0"), ("1.jpg", RED)]
    assert names(archive_of(files, kind), kind) == ["1.jpg"]


@EVERY_KIND
@pytest.mark.parametrize("files", [[], [("a.txt", b"a"), ("b/", b"")]], ids=["nothing", "texts"])
def test_an_archive_without_pictures_is_empty(
    kind: ArchiveKind, files: list[tuple[str, bytes]]
) -> None:
    with pytest.raises(EmptyArchive):
        read_all(archive_of(files, kind), kind)


@EVERY_KIND
def test_a_member_may_be_left_in_the_middle(kind: ArchiveKind) -> None:
    data = archive_of([("1.jpg", bytes(100_000)), ("2.jpg", RED), ("3.jpg", BLUE)], kind)
    members = read_archive(io.BytesIO(data), kind, WIDE)
    assert next(members).read(10) == bytes(10)
    next(members)
    last = next(members)
    assert b"".join(iter(lambda: last.read(7), b"")) == BLUE


@EVERY_KIND
@pytest.mark.parametrize("name", ["1.jpg", "1"], ids=["by its name", "by its bytes"])
def test_a_member_cannot_be_read_when_the_archive_has_gone_on(kind: ArchiveKind, name: str) -> None:
    data = archive_of([(name, RED), ("2.jpg", BLUE)], kind)
    first, _ = list(read_archive(io.BytesIO(data), kind, WIDE))
    with pytest.raises(ValueError, match="before the next"):
        first.read()


@EVERY_KIND
@pytest.mark.parametrize("size", [0, -1])
def test_a_member_is_not_read_without_a_bound(kind: ArchiveKind, size: int) -> None:
    member = next(read_archive(io.BytesIO(archive_of([("1.jpg", RED)], kind)), kind, WIDE))
    with pytest.raises(ValueError, match="one byte"):
        member.read(size)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("photos/1.jpg", "photos/1.jpg"),
        ("/etc/1.jpg", "etc/1.jpg"),
        ("../../1.jpg", "1.jpg"),
        ("a/./b/../1.jpg", "a/b/1.jpg"),
        ("C:\\Users\\me\\1.jpg", "Users/me/1.jpg"),
        ("\\\\server\\share\\1.jpg", "server/share/1.jpg"),
        ("C:..\\C:D:..\\1.jpg", "1.jpg"),
        ("/C:/1.jpg", "1.jpg"),
        ("a/.\x00./.\u202e./ .. /1.jpg", "a/1.jpg"),
        ("a//b///1.jpg ", "a/b/1.jpg"),
        ("a\nb/1.jpg", "ab/1.jpg"),
        ("..", ""),
        ("", ""),
    ],
)
def test_a_label_leaves_no_folder(name: str, clean: str) -> None:
    assert label(name) == clean


@given(name=st.text(st.sampled_from("./\\:Ca \x00\u202e"), max_size=20))
def test_no_name_makes_a_label_that_leaves_a_folder(name: str) -> None:
    parts = label(name).split("/")
    assert not {"..", "."} & set(parts)
    assert "" not in parts or parts == [""]
    assert not any("\\" in part or part.startswith(("C:", "a:")) for part in parts)


@EVERY_KIND
def test_labels_are_what_members_are_called(kind: ArchiveKind) -> None:
    assert names(archive_of([("../../etc/1.jpg", RED)], kind), kind) == ["etc/1.jpg"]
