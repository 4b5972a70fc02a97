"""Image formats, detected by their first bytes."""

from __future__ import annotations

import pytest

from common.errors import EmptyImage, NotAnImage, UnsupportedFormat
from common.images.formats import MEDIA_TYPES, RAW_FORMATS, begins_a_picture, sniff
from tests.support import tiffs
from tests.support.pictures import picture


@pytest.mark.parametrize("name", sorted(set(MEDIA_TYPES) - RAW_FORMATS))
def test_what_is_written_is_told(name: str) -> None:
    assert sniff(picture(media_format=name)) == name


def test_no_bytes_are_empty() -> None:
    with pytest.raises(EmptyImage):
        sniff(b"")


@pytest.mark.parametrize(
    "head",
    [
        b"just a note",
        b"{}",
        b"PK\x03\x04",
        b"<html>",
        b"P3ter",
        b"BMW, a report on cars",
        b"RIFF\x00\x00\x00\x00WAVE",
    ],
)
def test_other_files_are_no_image(head: bytes) -> None:
    with pytest.raises(NotAnImage):
        sniff(head)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<?xml version='1.0'?><!-- a > b --><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "Video"),
        (b"RIFF\0\0\0\0AVI LIST", "Video"),
        (b"\x1aE\xdf\xa3\x01", "Video"),
        (b"8BPS\0\x02", "PSB"),
        (b"\0\0\2\0\1\0\x20\x20\0\0", "CUR"),
        (b"P7\nWIDTH 4\n", "PAM"),
        (b"II\xbc\1", "JPEG XR"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"v/1\1", "OpenEXR"),
        (b"gimp xcf v011", "XCF"),
    ],
)
def test_a_format_that_is_not_opened_is_named(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"^{name} is not supported"):
        sniff(head)
    assert begins_a_picture(head) == (name not in ("PDF", "Video"))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftyphevc\0\0\0\0hevcmif1", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x10ftypmsf1\0\0\0\0", "HEIF"),
        (b"\0\0\0\x18ftypmiaf\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x14ftyp1pic\0\0\0\0heic", "HEIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "CR3"),
        (b"II*\0\x10\0\0\0CR\2\0", "CR2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x18\0\0\0", "RW2"),
    ],
)
def test_a_format_is_told_by_the_first_bytes(head: bytes, name: str) -> None:
    assert sniff(head) == name


@pytest.mark.parametrize(
    ("make", "name"), [(b"NIKON CORPORATION\0", "NEF"), (b"SONY\0", "ARW"), (b"HP\0", "TIFF")]
)
def test_raw_files_are_told_by_their_maker(make: bytes, name: str) -> None:
    tags: dict[int, tiffs.Value]
    tags = {tiffs.SUBFILE: tiffs.REDUCED, tiffs.MAKE: make, tiffs.SUBIFDS: 8}
    assert sniff(tiffs.tiff(tags, b"")) == name
    assert sniff(tiffs.tiff({**tags, tiffs.SUBFILE: tiffs.WHOLE}, b"")) == "TIFF"


def test_a_page_with_a_drawing_is_no_picture() -> None:
    with pytest.raises(NotAnImage):
        sniff(b"<!doctype html><html><svg xmlns='http://www.w3.org/2000/svg'></svg></html>")


def test_a_maker_that_is_no_text_is_none() -> None:
    tags: dict[int, tiffs.Value]
    tags = {tiffs.SUBFILE: tiffs.REDUCED, tiffs.MAKE: (5, 6), tiffs.SUBIFDS: 8}
    assert sniff(tiffs.tiff(tags, b"")) == "TIFF"


def test_a_directory_beyond_any_file_has_no_tags() -> None:
    assert sniff(b"II+\0\x08\0\0\0" + b"\xff" * 8) == "TIFF"
