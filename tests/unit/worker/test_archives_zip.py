"""Zip archives that are unusual, damaged, or malicious."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

import pytest

from common.errors import ArchiveBroken, ArchiveTooLarge, ArchiveUnsupported, EmptyArchive
from tests.support import pictures
from tests.support.archives import (
    FOREIGN_NAMES,
    WIDE,
    names,
    read_all,
    zip_bomb,
    zip_entry,
    zip_of,
)
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive

RED, BLUE = pictures.picture("red"), pictures.picture("blue")
FILES = [("1.jpg", RED), ("2.jpg", BLUE), ("3.jpg", RED)]


class Forward(io.RawIOBase):
    """A write-only file that cannot seek, like a socket."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def changed(data: bytes, record: int, offset: int, layout: str, value: object) -> bytes:
    """Return the zip with one field of a central directory record changed."""
    at = -1
    for _ in range(record + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    changed = bytearray(data)
    struct.pack_into(layout, changed, at + offset, value)
    return bytes(changed)


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]
)
@pytest.mark.parametrize("system", [3, 19])
def test_what_is_no_regular_file_is_passed_over(mode: int, system: int) -> None:
    with pytest.raises(EmptyArchive):
        read_all(zip_entry("1.jpg", b"/etc/passwd", mode | 0o777, system), "zip")


@pytest.mark.parametrize(("mode", "system"), [(stat.S_IFREG, 3), (0, 3), (stat.S_IFLNK, 0)])
def test_a_mode_counts_where_the_system_has_modes(mode: int, system: int) -> None:
    assert read_all(zip_entry("1.jpg", RED, mode, system), "zip") == [("1.jpg", RED)]


@pytest.mark.parametrize("name", ["a.jpg/", "a.jpg\\"])
def test_a_name_that_ends_with_a_slash_is_a_folder(name: str) -> None:
    with pytest.raises(EmptyArchive):
        read_all(zip_entry(name, b""), "zip")


def test_a_folder_of_dos_is_passed_over() -> None:
    assert names(changed(zip_of(FILES), 0, 38, "<L", 0x10), "zip") == ["2.jpg", "3.jpg"]


def test_a_zip_that_was_written_as_a_stream_is_read() -> None:
    file = Forward()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES:
            archive.writestr(name, data)
    assert read_all(file.data, "zip") == FILES


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_large_zip_is_read(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Every number that may exceed its ordinary field is in the zip64 record."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", size)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = zip_of(FILES, zipfile.ZIP_STORED)
    assert b"PK\x06\x06" in data
    assert read_all(data, "zip") == FILES


def test_a_large_end_of_a_later_version_is_found_by_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = zip_of(FILES)
    at = data.index(b"PK\x06\x07")
    assert read_all(data[:at] + b"more" + data[at:], "zip") == FILES


def test_something_before_a_zip_does_not_disturb() -> None:
    assert read_all(b"#!/bin/sh\n" + zip_of(FILES), "zip") == FILES


def test_something_after_a_zip_does_not_disturb() -> None:
    assert read_all(zip_of(FILES) + bytes(1000), "zip") == FILES


@pytest.mark.parametrize(
    "comment", [b"by me", b"PK\x05\x06", b"PK\x05\x06" + bytes(30), b"a" * 65535]
)
def test_a_comment_does_not_disturb(comment: bytes) -> None:
    file = io.BytesIO(zip_of(FILES))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = comment
    assert read_all(file.getvalue(), "zip") == FILES


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        ("ü.jpg".encode(), 0x0800, "ü.jpg"),
        ("ü.jpg".encode(), 0, "ü.jpg"),
        (b"\x81x.jpg", 0, "üx.jpg"),
        (b"\x81x.jpg", 0x0800, "\N{REPLACEMENT CHARACTER}x.jpg"),
    ],
)
def test_names_are_decoded_whether_or_not_they_say_how(raw: bytes, flags: int, name: str) -> None:
    data = zip_of([("aaaaaa"[: len(raw) - 4] + ".jpg", RED), ("2.jpg", BLUE)])
    data = changed(changed(data, 0, 8, "<H", flags), 0, 46, f"{len(raw)}s", raw)
    assert names(data, "zip") == [name, "2.jpg"]


@pytest.mark.parametrize(
    ("offset", "layout", "value", "code"),
    [
        (6, "<H", 999, None),  # the required version is ignored
        (24, "<L", 1, None),  # as is the declared size
        (8, "<H", 0x0001, "unsupported_format"),  # encrypted
        (8, "<H", 0x0041, "unsupported_format"),  # strongly encrypted
        (8, "<H", 0x2000, "unsupported_format"),  # encrypted directory
        (8, "<H", 0x0020, "unsupported_format"),  # a patch
        (10, "<H", 9, "unsupported_format"),  # Deflate64
        (10, "<H", 12, "unsupported_format"),  # bzip2
        (10, "<H", 14, "unsupported_format"),  # LZMA
        (10, "<H", 0, "truncated"),  # not stored as declared
        (16, "<L", 1, "truncated"),  # wrong checksum
        (20, "<L", 1, "truncated"),  # too few bytes
        (20, "<L", 2**32 - 1, None),  # too many: the stream ends on its own
        (42, "<L", 1, "truncated"),  # wrong offset
        (42, "<L", 2**32 - 1, "truncated"),  # offset past the file's end
    ],
)
def test_a_file_that_cannot_be_read_fails_alone(
    offset: int, layout: str, value: int, code: str | None
) -> None:
    data = changed(zip_of(FILES), 1, offset, layout, value)
    assert read_all(data, "zip") == [FILES[0], ("2.jpg", code or BLUE), FILES[2]]


def test_a_stored_file_that_is_outside_of_the_zip_fails_alone() -> None:
    data = changed(zip_of(FILES, zipfile.ZIP_STORED), 2, 20, "<L", 10**6)
    assert read_all(data, "zip") == [*FILES[:2], ("3.jpg", "truncated")]


def test_a_file_that_failed_goes_on_failing() -> None:
    data = changed(zip_of(FILES), 0, 16, "<L", 1)
    assert read_all(data.replace(b"1.jpg", b"1.dat"), "zip")[0] == ("1.dat", "truncated")


def test_damage_in_a_file_is_seen_and_the_others_are_whole() -> None:
    data = bytearray(zip_of(FILES, zipfile.ZIP_STORED))
    data[data.index(BLUE) + 20] ^= 1
    assert read_all(bytes(data), "zip") == [FILES[0], ("2.jpg", "truncated"), FILES[2]]


@pytest.mark.parametrize("part", range(8))
def test_a_zip_that_breaks_off_is_broken(part: int) -> None:
    data = zip_of(FILES)
    with pytest.raises(ArchiveBroken):
        read_all(data[: len(data) * part // 8], "zip")


@pytest.mark.parametrize("offset", [0, 28])
def test_a_directory_that_is_damaged_ends_the_zip(offset: int) -> None:
    members = read_archive(io.BytesIO(changed(zip_of(FILES), 1, offset, "<H", 7)), "zip", WIDE)
    assert next(members).filename == "1.jpg"
    with pytest.raises(ArchiveBroken):
        list(members)


@pytest.mark.parametrize("offset", [12, 16])
def test_an_end_that_leads_elsewhere_is_broken_or_fails_file_by_file(offset: int) -> None:
    data = bytearray(zip_of(FILES))
    struct.pack_into("<L", data, len(data) - 22 + offset, 2**31)
    try:
        codes = [code for _, code in read_all(bytes(data), "zip")]
    except ArchiveBroken:
        assert offset == 12
    else:
        assert codes == ["truncated"] * 3


def test_a_zip_in_several_parts_is_unsupported() -> None:
    data = bytearray(zip_of(FILES))
    struct.pack_into("<H", data, len(data) - 22 + 4, 1)
    with pytest.raises(ArchiveUnsupported, match="as one"):
        read_all(bytes(data), "zip")


def test_a_zip_that_says_to_have_too_many_entries_is_refused_at_once() -> None:
    data = bytearray(zip_of(FILES))
    struct.pack_into("<H", data, len(data) - 22 + 10, 1001)
    with pytest.raises(ArchiveTooLarge, match="1000 entries"):
        next(read_archive(io.BytesIO(bytes(data)), "zip", WIDE))


def test_a_large_zip_that_says_to_have_too_many_entries_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = bytearray(zip_of(FILES))
    struct.pack_into("<Q", data, data.index(b"PK\x06\x06") + 32, 10**12)
    with pytest.raises(ArchiveTooLarge, match="1000 entries"):
        next(read_archive(io.BytesIO(bytes(data)), "zip", WIDE))


def test_a_zip_that_hides_how_many_entries_it_has_is_stopped() -> None:
    data = bytearray(zip_of([(f"{number}.txt", b"") for number in range(1500)]))
    struct.pack_into("<2H", data, len(data) - 22 + 8, 1, 1)
    with pytest.raises(ArchiveTooLarge, match="1000 entries"):
        read_all(bytes(data), "zip")


def test_files_that_share_their_bytes_are_refused_when_these_are_used_up() -> None:
    limits = ArchiveLimits(bytes_max=10**12, ratio_max=10**6)
    with pytest.raises(ArchiveTooLarge, match="share"):
        read_all(zip_bomb(1, [f"{number}.jpg" for number in range(200)]), "zip", limits)


@pytest.mark.parametrize("encoding", FOREIGN_NAMES)
def test_names_in_other_encodings_are_read(encoding: str) -> None:
    data = zip_of([(f"{number}.png", RED) for number in range(3)])
    for number, name in enumerate(FOREIGN_NAMES[encoding]):
        data = renamed(data, number, name.encode(encoding))
    assert [name for name, _ in read_all(data, "zip")] == list(FOREIGN_NAMES[encoding])


def test_a_unicode_field_names_its_file() -> None:
    name = "photo.jpg".encode("cp437")
    field = struct.pack("<BL", 1, zlib.crc32(name)) + "写真/犬.jpg".encode()
    for extra, expected in (
        (field, "写真/犬.jpg"),
        # Of another name, of another version, cut off.
        (field[:1] + bytes(4) + field[5:], "photo.jpg"),
        (bytes(1) + field[1:], "photo.jpg"),
        (field[:3], "photo.jpg"),
    ):
        info = zipfile.ZipInfo("photo.jpg")
        info.extra = struct.pack("<2H", 0x7075, len(extra)) + extra
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(info, RED)
        assert read_all(file.getvalue(), "zip") == [(expected, RED)]


def renamed(data: bytes, record: int, name: bytes) -> bytes:
    """Return a zip with another name in a record of its directory, without the flag for UTF-8."""
    at = -1
    for _ in range(record + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    length = int.from_bytes(data[at + 28 : at + 30], "little")
    head = bytearray(data[at : at + 46])
    struct.pack_into("<H", head, 8, 0)
    struct.pack_into("<H", head, 28, len(name))
    end = data.rindex(b"PK\x05\x06")
    tail = bytearray(data[end:])
    size = struct.unpack_from("<L", tail, 12)[0] + len(name) - length
    struct.pack_into("<L", tail, 12, size)
    return data[:at] + bytes(head) + name + data[at + 46 + length : end] + bytes(tail)
