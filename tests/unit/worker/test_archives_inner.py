"""Archives within an archive: opened to one level, within the limits of the outer one."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import pytest

from common.errors import ArchiveBroken, ArchiveTooLarge
from common.images.archive_formats import MEDIA_TYPES, ArchiveKind
from tests.support import pictures
from tests.support.archives import (
    WIDE,
    archive_of,
    names,
    read_all,
    streams_bomb,
    tar_of,
    zip_bomb,
    zip_of,
)
from worker.archives import inner as inner_module
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive
from worker.archives.skipped import KINDS_MAX, Skipped

MIB = 1024**2
RED, BLUE = pictures.picture("red"), pictures.picture("blue")
KINDS: tuple[ArchiveKind, ...] = tuple(MEDIA_TYPES)


def skipped(data: bytes, kind: ArchiveKind) -> dict[str, int]:
    """Return what is skipped in an archive."""
    counts = Skipped()
    assert list(read_archive(io.BytesIO(data), kind, WIDE, counts))
    return counts.counts


@pytest.mark.parametrize("outer", ["zip", "tar", "xz"])
@pytest.mark.parametrize("inner", KINDS)
def test_the_pictures_of_an_archive_in_an_archive_are_read(
    outer: ArchiveKind, inner: ArchiveKind
) -> None:
    within = archive_of([("b/1.png", BLUE), ("2", RED), ("notes.txt", b"3")], inner)
    data = archive_of([("a.png", RED), ("x/album", within), ("c.png", BLUE)], outer)
    assert read_all(data, outer) == [
        ("a.png", RED),
        ("x/album/b/1.png", BLUE),
        ("x/album/2", RED),
        ("c.png", BLUE),
    ]
    assert skipped(data, outer) == {".txt": 1}


@pytest.mark.parametrize("kind", ["zip", "gzip"])
def test_deeper_archives_are_skipped_and_named(kind: ArchiveKind) -> None:
    deeper = zip_of([("deep.png", RED)])
    within = archive_of([("1.png", BLUE), ("deeper.zip", deeper)], kind)
    data = zip_of([("a.dat", within)])
    assert names(data, "zip") == ["a.dat/1.png"]
    assert skipped(data, "zip") == {"a.dat/deeper.zip": 1}


def test_documents_and_files_that_are_compressed_alone_are_not_opened() -> None:
    picture = zip_of([("word/media/1.png", RED)])
    files = [("a.docx", picture), ("b.EPUB", picture), ("c.log.gz", gzip.compress(b"text"))]
    data = zip_of([*files, ("d.rar", b"Rar!\x1a\x07\x00"), ("e.png", RED)])
    assert names(data, "zip") == ["e.png"]
    assert skipped(data, "zip") == {".docx": 1, ".epub": 1, ".gz": 1, ".rar": 1}


def test_each_kind_of_skipped_files_is_counted() -> None:
    files = [
        *((f"{number}.TXT", b"1") for number in range(3)),
        ("README", b"read me"),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(20)),
        ("a/__MACOSX/._1.png", RED),
        ("#recycle/old.png", RED),
        (".DS_Store", b"1"),
        ("folder/", b""),
    ]
    data = zip_of([*files, ("1.png", RED)])
    counts = {".txt": 3, "no suffix": 1, ".mp4": 1, "__MACOSX/": 1, "#recycle/": 1, "hidden": 1}
    assert skipped(data, "zip") == counts
    # A file whose name was cut by a byte that looks like a separator.
    assert names(zip_of([("a\\.jpg", RED)]), "zip") == ["a/.jpg"]


def test_the_kinds_of_skipped_files_are_bounded() -> None:
    files = [(f"1.{number}", b"1") for number in range(100)]
    counts = skipped(zip_of([*files, ("1.png", RED)]), "zip")
    assert len(counts) == KINDS_MAX + 1
    assert counts["others"] == 100 - KINDS_MAX
    assert max(map(len, skipped(zip_of([("a." + "b" * 999, b"1"), ("1.png", RED)]), "zip"))) == 100


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_fails_alone(kind: ArchiveKind) -> None:
    # Stored, so that a cut in the middle leaves a picture whole.
    whole = archive_of([("1.bmp", BLUE * 9), ("2.bmp", RED * 9)], kind)
    cut = whole[:-30] if kind != "tar" else whole[: len(BLUE) * 9 + 2000]
    *_, failed, last = read_all(zip_of([("in", cut), ("3.png", RED)]), "zip")
    assert failed == ("in", "truncated")
    assert last == ("3.png", RED)


def test_an_archive_that_is_damaged_in_the_outer_one_fails_alone() -> None:
    for inner in (
        zip_of([("1.png", RED)], zipfile.ZIP_STORED),
        tar_of([("1.png", RED), ("2.png", BLUE)]),
    ):
        data = bytearray(zip_of([("in", inner), ("3.png", BLUE)], zipfile.ZIP_STORED))
        at = data.index(RED) + len(RED) // 2
        data[at] ^= 1
        found = read_all(bytes(data), "zip")
        assert ("in", "truncated") in found
        assert found[-1] == ("3.png", BLUE)


@pytest.mark.parametrize("inner", ["tar", "gzip", "zip"])
def test_an_outer_archive_that_is_cut_off_within_another_ends(inner: ArchiveKind) -> None:
    within = archive_of([("1.bmp", random.Random(1).randbytes(200_000))], inner)
    data = tar_of([("0.png", RED), ("in", within)])[:100_000]
    with pytest.raises(ArchiveBroken, match="truncated in the middle of a file"):
        read_all(data, "tar")


def test_a_zip_in_an_archive_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_module, "ZIP_BYTES_MAX", 1000)
    inner = zip_of([("1.bmp", bytes(2000))], zipfile.ZIP_STORED)
    found = read_all(zip_of([("in.zip", inner), ("a.png", RED)]), "zip")
    assert found == [("in.zip", "too_large"), ("a.png", RED)]


def test_a_large_zip_in_an_archive_is_unpacked_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_module, "_MEMORY_BYTES", 100)
    data = zip_of([("in.zip", zip_of([("1.png", RED)]))])
    assert read_all(data, "zip") == [("in.zip/1.png", RED)]


@pytest.mark.parametrize("bomb", [zip_bomb(100), streams_bomb("gzip", 100)], ids=["zip", "gzip"])
def test_a_bomb_in_an_archive_is_measured_by_the_outer_one(bomb: bytes) -> None:
    # Each level by itself is within the ratio.
    limits = ArchiveLimits(bytes_max=10**12, ratio_max=2000, ratio_floor_bytes=MIB)
    data = zip_of([("in", bomb)])
    assert len(bomb) * limits.ratio_max > 100 * MIB > len(data) * limits.ratio_max
    with pytest.raises(ArchiveTooLarge, match="times its size"):
        read_all(data, "zip", limits)


def test_entries_and_bytes_are_counted_over_both() -> None:
    inner = [(f"{number}.bmp", bytes(1000)) for number in range(8)]
    data = zip_of([(f"{number}.zip", zip_of(inner)) for number in range(2)])
    assert len(read_all(data, "zip", ArchiveLimits(entries_max=18))) == 16
    for limits in (ArchiveLimits(entries_max=17), ArchiveLimits(bytes_max=16_000)):
        with pytest.raises(ArchiveTooLarge):
            read_all(data, "zip", limits)
