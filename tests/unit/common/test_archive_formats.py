"""Archive formats, detected by their first bytes."""

from __future__ import annotations

import mimetypes
import tarfile

import pytest

from common.errors import ArchiveUnsupported, EmptyArchive
from common.images.archive_formats import (
    ARCHIVE_HEAD_BYTES,
    ARCHIVE_MEDIA_TYPES,
    MEDIA_TYPES,
    ArchiveKind,
    sniff_archive,
)
from tests.support import pictures
from tests.support.archives import archive_of, signed, tar_header, tar_of, zip_of

KINDS: tuple[ArchiveKind, ...] = tuple(MEDIA_TYPES)


@pytest.mark.parametrize("kind", KINDS)
def test_what_python_writes_is_told(kind: ArchiveKind) -> None:
    assert sniff_archive(archive_of([("a.jpg", b"1")], kind)[:ARCHIVE_HEAD_BYTES]) == kind


@pytest.mark.parametrize(
    "style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=str
)
def test_every_style_of_tar_is_told(style: int) -> None:
    data = tar_of([("é" * 200 + ".jpg", b"1")], style) if style else tar_of([("a.jpg", b"1")], 0)
    assert sniff_archive(data[:ARCHIVE_HEAD_BYTES]) == "tar"


def test_an_old_tar_without_a_magic_number_is_told() -> None:
    header = tar_header("a.jpg", 1)
    assert sniff_archive(signed(header[:257] + bytes(255))) == "tar"


def test_a_zip_without_members_is_a_zip() -> None:
    assert sniff_archive(zip_of([])) == "zip"


@pytest.mark.parametrize("head", [b"", bytes(512)])
def test_nothing_is_an_empty_archive(head: bytes) -> None:
    with pytest.raises(EmptyArchive):
        sniff_archive(head)


@pytest.mark.parametrize(
    "head",
    [b"{}", b"PK", pictures.jpeg()[:512], bytes(511), tar_header("a", 1)[:511], b"a" * 512],
)
def test_other_bytes_are_no_archive(head: bytes) -> None:
    with pytest.raises(ArchiveUnsupported, match="Send a zip"):
        sniff_archive(head)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7z"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"LZIP\x01", "lzip"),
        (b"MZ\x90\x00", "program"),
    ],
)
def test_archives_that_are_not_read_are_named(head: bytes, name: str) -> None:
    with pytest.raises(ArchiveUnsupported, match=name):
        sniff_archive(head)


def test_the_media_types_are_those_that_systems_guess() -> None:
    guessed = {mimetypes.guess_type(name)[0] for name in ("a.zip", "a.tar", "a.rar", "a.7z")}
    assert guessed <= ARCHIVE_MEDIA_TYPES
