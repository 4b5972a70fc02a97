"""Tar archives that are unusual, damaged, or malicious."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ArchiveBroken, ArchiveError, ArchiveTooLarge, ArchiveUnsupported
from common.images.archive_formats import ArchiveKind
from tests.support import pictures
from tests.support.archives import (
    FOREIGN_NAMES,
    WIDE,
    File,
    names,
    pax_entry,
    read_all,
    signed,
    tar_entry,
    tar_header,
    tar_of,
)
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive
from worker.archives.tar.headers import EXTENDED_BYTES_MAX
from worker.archives.tar.pax import parse_pax

RED, BLUE = pictures.picture("red"), pictures.picture("blue")
END = bytes(1024)
LAST = tar_entry("last.jpg", BLUE) + END


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6"], ids="lscbdf")
def test_links_devices_folders_and_fifos_are_passed_over(kind: bytes) -> None:
    # A link's size does not describe data in the archive.
    header = tar_header("passwd.jpg", 5000, kind)
    assert names(header + LAST, "tar") == ["last.jpg"]


def test_an_unknown_kind_of_entry_is_passed_over_with_its_data() -> None:
    assert names(tar_entry("1.jpg", RED, b"Z") + LAST, "tar") == ["last.jpg"]


def test_in_an_old_tar_a_slash_makes_a_folder() -> None:
    data = tar_entry("a.jpg/", b"", tarfile.AREGTYPE) + tar_entry("b.jpg", RED, tarfile.AREGTYPE)
    assert names(data + LAST, "tar") == ["b.jpg", "last.jpg"]


def test_a_long_name_that_is_cut_at_a_slash_is_no_folder() -> None:
    name = "a" * 99 + "/1.jpg"
    entry = tar_entry("l", name.encode() + b"\x00", b"L")
    data = entry + tar_entry("a" * 99 + "/", RED, tarfile.AREGTYPE)
    assert names(data + LAST, "tar") == [name, "last.jpg"]


@pytest.mark.parametrize("encoding", FOREIGN_NAMES)
@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT], ids=str)
def test_names_in_other_encodings_are_guessed_and_lose_no_picture(
    encoding: str, style: int
) -> None:
    expected = [*FOREIGN_NAMES[encoding], "x" * 60 + "/" + FOREIGN_NAMES[encoding][0]]
    # Tars come from systems whose names are in Windows-1252 or Latin-1 instead.
    encoding = "cp1252" if encoding == "cp437" else encoding
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=style, encoding=encoding) as tar:
        for name in expected:
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"1"))
    found = names(file.getvalue(), "tar")
    assert len(found) == len(expected)
    # The first names of a tar may be too short to guess from.
    assert found[-1] == expected[-1]


def test_a_name_in_latin_1_is_read() -> None:
    header = tar_header("caf_.jpg", 0)
    data = signed(header[:3] + b"\xe9" + header[4:]) + LAST
    assert names(data, "tar") == ["café.jpg", "last.jpg"]


def test_what_is_said_of_all_entries_is_passed_over() -> None:
    body = b"17 path=evil.jpg\n13 size=9999\n"
    assert read_all(tar_entry("g", body, b"g") + LAST, "tar") == [("last.jpg", BLUE)]


def test_tars_one_behind_the_other_are_read_to_the_last() -> None:
    data = tar_of([("1.jpg", RED)]) + tar_of([("2.jpg", BLUE)])
    assert names(data, "tar") == ["1.jpg", "2.jpg"]
    assert names(gzip.compress(data), "gzip") == ["1.jpg", "2.jpg"]


def test_what_follows_the_end_is_no_damage() -> None:
    assert names(LAST + b"left on the tape", "tar") == ["last.jpg"]
    assert names(gzip.compress(LAST) + b"left on the tape", "gzip") == ["last.jpg"]
    assert names(gzip.compress(LAST) + bytes(70_000), "gzip") == ["last.jpg"]


def test_a_gzip_file_may_have_several_members() -> None:
    data = b"".join(gzip.compress(LAST[at : at + 100]) for at in range(0, len(LAST), 100))
    assert read_all(data, "gzip") == [("last.jpg", BLUE)]


def test_each_member_of_a_gzip_file_counts_as_an_entry() -> None:
    data = gzip.compress(LAST[:512]) + gzip.compress(b"") * 2000 + gzip.compress(LAST[512:])
    with pytest.raises(ArchiveTooLarge, match="1000 entries"):
        read_all(data, "gzip")


@pytest.mark.parametrize("inner", [b"", b"no tar", RED, bytes(600)[:500]])
def test_a_gzip_file_without_a_tar_is_unsupported(inner: bytes) -> None:
    with pytest.raises(ArchiveUnsupported):
        read_all(gzip.compress(inner), "gzip")


@pytest.mark.parametrize(
    ("records", "picture"),
    [
        # The two encodings of a sparse file in pax headers, versions 0.1 and 1.0.
        ([(b"GNU.sparse.size", b"99999999999"), (b"GNU.sparse.map", b"0,9")], "sparse.jpg"),
        (
            [
                (b"GNU.sparse.major", b"1"),
                (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.name", b"real.jpg"),
                (b"GNU.sparse.realsize", b"99999999999"),
            ],
            "real.jpg",
        ),
    ],
)
def test_a_sparse_file_fails_alone(records: list[tuple[bytes, bytes]], picture: str) -> None:
    data = pax_entry(*records) + tar_entry("sparse.jpg", RED) + LAST
    assert read_all(data, "tar") == [(picture, "unsupported_format"), ("last.jpg", BLUE)]


def test_an_old_sparse_file_fails_alone_however_long_its_map() -> None:
    header = bytearray(tar_header("sparse.jpg", 512, tarfile.GNUTYPE_SPARSE))
    header[482] = 1
    more, last = bytes(504) + b"\x01" + bytes(7), bytes(512)
    data = signed(bytes(header)) + more * 500 + last + bytes(512) + LAST
    assert read_all(data, "tar") == [("sparse.jpg", "unsupported_format"), ("last.jpg", BLUE)]


def test_a_map_of_a_sparse_file_that_breaks_off_breaks_the_tar() -> None:
    header = bytearray(tar_header("sparse.jpg", 512, tarfile.GNUTYPE_SPARSE))
    header[482] = 1
    with pytest.raises(ArchiveBroken):
        read_all(signed(bytes(header)) + bytes(100), "tar")


@pytest.mark.parametrize("kind", [b"x", b"X", b"L"], ids=["pax", "solaris", "gnu"])
def test_a_header_that_is_too_large_is_refused_before_it_is_read(kind: bytes) -> None:
    # The archive ends here, so reading the header's data would report a truncated tar instead.
    with pytest.raises(ArchiveTooLarge, match="header"):
        read_all(tar_header("h", EXTENDED_BYTES_MAX + 1, kind), "tar")


def test_headers_without_end_count_as_entries() -> None:
    chain = (tar_entry("l", b"name.jpg", b"L") + pax_entry((b"path", b"p.jpg"))) * 2000
    with pytest.raises(ArchiveTooLarge, match="1000 entries"):
        read_all(chain + LAST, "tar")


def test_a_header_with_too_many_records_is_refused() -> None:
    with pytest.raises(ArchiveTooLarge, match="records"):
        read_all(pax_entry(*[(b"a", b"b")] * 129) + LAST, "tar")


def test_a_header_of_digits_takes_no_longer_than_another() -> None:
    # The regular expression of Python's module (before 3.11.10) would take minutes.
    data = tar_entry("x", b"1" * EXTENDED_BYTES_MAX, tarfile.XHDTYPE) + LAST
    with pytest.raises(ArchiveBroken):
        read_all(data, "tar")


@pytest.mark.parametrize(
    "body",
    [
        b"5 a=",
        b"x a=b\n",
        b"-6 a=b\n",
        b"0 a=b\n",
        b"2 a=b\n",
        b"99 a=b\n",
        b"6 a=bc\n",
        b"\xb2 a=b\n",
        b"9" * 30 + b" a=b\n",
        b"12 size=-99\n",
        b"11 size=1_0\n",
    ],
)
def test_records_that_are_none_break_the_tar(body: bytes) -> None:
    with pytest.raises(ArchiveBroken):
        read_all(tar_entry("x", body, tarfile.XHDTYPE) + LAST, "tar")


@settings(max_examples=100, deadline=None)
@given(body=st.lists(st.sampled_from([b"13 ", b"9 ", b"size=", b"path=a", b"7\n", b"\n"])))
def test_records_are_read_or_refused(body: list[bytes]) -> None:
    try:
        header = parse_pax(b"".join(body))
    except ArchiveError:
        return
    assert header.size is None or header.size >= 0


@pytest.mark.parametrize("size", [-1, -512, 8**11, 2**62])
def test_a_size_that_cannot_be_breaks_the_tar(size: int) -> None:
    field = (size % 256**12).to_bytes(12, "big")
    header = tar_header("1.jpg", 0)
    number = b"\xff" + field[1:] if size < 0 else b"\x80" + field[1:]
    data = tar_entry("0.jpg", RED) + signed(header[:124] + number + header[136:]) + LAST
    members = read_archive(io.BytesIO(data), "tar", WIDE)
    assert next(members).filename == "0.jpg"
    with pytest.raises(ArchiveBroken):
        list(members)


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("kind", ["tar", "gzip"])
def test_a_tar_that_breaks_off_gives_what_came_before(kind: ArchiveKind, part: int) -> None:
    files = [(f"{number}.jpg", pictures.jpeg(number)) for number in range(8)]
    # Without the zeros at its end, which may be cut anywhere without loss.
    data = tar_of(files).rstrip(b"\x00")
    data = gzip.compress(data) if kind == "gzip" else data
    found, error = read_until_broken(data[: len(data) * part // 8], kind)
    assert isinstance(error, ArchiveUnsupported if kind == "tar" and not part else ArchiveBroken)
    assert found == files[: len(found)]
    assert len(found) >= part - 1


def read_until_broken(archive: bytes, kind: ArchiveKind) -> tuple[list[File], ArchiveError]:
    found: list[File] = []
    try:
        for member in read_archive(io.BytesIO(archive), kind, WIDE):
            data = b"".join(iter(member.read, b""))
            # Append one by one, to keep the members read before the error.
            found.append((member.filename, data))
    except ArchiveError as error:
        return found, error
    pytest.fail("The archive was read to its end.")


def test_a_tar_that_ends_between_two_files_is_known_to_break_off() -> None:
    data = tar_entry("1.jpg", RED)
    with pytest.raises(ArchiveBroken):
        read_all(data, "tar")


def test_a_header_that_is_damaged_is_not_taken_for_the_end() -> None:
    damaged = bytearray(tar_entry("2.jpg", BLUE))
    damaged[0] ^= 1
    with pytest.raises(ArchiveBroken):
        read_all(tar_entry("1.jpg", RED) + bytes(damaged) + LAST, "tar")


def test_damage_that_only_the_checksum_of_gzip_shows_is_seen() -> None:
    data = bytearray(gzip.compress(tar_of([("1.jpg", RED)]), compresslevel=0))
    data[data.index(RED) + 10] ^= 1
    with pytest.raises(ArchiveBroken):
        read_all(bytes(data), "gzip")


def test_a_limit_of_one_entry_lets_one_entry_through() -> None:
    limits = ArchiveLimits(entries_max=1)
    assert read_all(LAST, "tar", limits) == [("last.jpg", BLUE)]
    with pytest.raises(ArchiveTooLarge):
        read_all(tar_entry("1.jpg", RED) + LAST, "tar", limits)
