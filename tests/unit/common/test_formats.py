"""Image formats, detected by their first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from common.errors import EmptyImage, NotAnImage, UnsupportedFormat
from common.images.formats import MEDIA_TYPES, sniff


@pytest.mark.parametrize("name", sorted(MEDIA_TYPES))
def test_what_pillow_writes_is_told(name: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, name)
    assert sniff(buffer.getvalue()) == name


def test_no_bytes_are_empty() -> None:
    with pytest.raises(EmptyImage):
        sniff(b"")


@pytest.mark.parametrize(
    "head",
    [
        b"just a note",
        b"{}",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<html>",
        b"P3ter",
        b"BMW, a report on cars",
        b"\x00\x00\x00\x20ftypmp42",
        b"RIFF\x00\x00\x00\x00WAVE",
    ],
)
def test_other_files_are_no_image(head: bytes) -> None:
    with pytest.raises(NotAnImage):
        sniff(head)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"8BPS\x00\x01", "PSD"),
        (b"\x00\x00\x00\x20ftypavif", "AVIF"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
        (b"<?xml version='1.0'?><svg xmlns=''/>", "SVG"),
        (b"P6\n4 4\n255\n", "PNM"),
        (b"\x00\x00\x01\x00\x01\x00", "ICO"),
    ],
)
def test_pictures_that_are_not_opened_are_named(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        sniff(head)
