"""Hostile metadata: it costs its own fields, and neither the others nor much time and memory."""

from __future__ import annotations

import struct
import zlib

import pytest

from common.images.formats import MEDIA_TYPES, sniff
from tests.support import photo_info as made
from tests.support.pictures import encoded, scene
from worker.photo_info.containers.find import find_blocks
from worker.photo_info.places import Places
from worker.photo_info.reader import PhotoInfoReader
from worker.photo_info.xmp import read_xmp

READER = PhotoInfoReader(places=Places("no_such_package"))
MANY = 1 << 20


@pytest.mark.parametrize("name", sorted(MEDIA_TYPES))
def test_any_bytes_are_read_without_an_error(name: str) -> None:
    exif = made.exif({0x0110: "D70"}, location={1: "N"})
    for data in (b"", b"II*\0", exif[:40], made.jpeg(exif)[:60], bytes(200), b"\xff" * 200):
        READER.read(data, name)


def test_a_broken_field_costs_only_itself() -> None:
    exif = made.exif(
        {0x0110: "D70", 0x0112: 9, 0x010E: b"\xff\xfe"},
        {0x9003: "2024:13:45 12:00:00", 0x9004: "2024:05:01 12:00:00", 0xA434: "EF50mm"},
        {1: "N", 2: (47.0, 22.0, 0.0)},
    )
    exif = exif.replace(struct.pack(">II", 22, 1), bytes(8))
    broken_xml = made.xmp({"tiff:Orientation": "6"}) + b"<&"
    info = READER.read(made.jpeg(exif, broken_xml), "JPEG")
    assert info is not None
    assert (info.camera, info.lens, info.orientation) == ("D70", "EF50mm", 6)
    assert (info.taken_at, info.location) == ("2024-05-01T12:00:00", None)


def test_a_tag_beyond_the_end_costs_only_itself() -> None:
    entries = struct.pack("<HHII", 0x010E, 2, 100, 1 << 31) + struct.pack(
        "<HHI4s", 272, 2, 4, b"D70"
    )
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries
    info = READER.read(data, "TIFF")
    assert info is not None
    assert info.camera == "D70"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * MANY,
        b"\xff\xd8" + b"\xff\xe0\0\2" * MANY,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * MANY,
        b"RIFF\0\0\0\0WEBP" + b"ABCD\0\0\0\0" * MANY,
        made.box(b"JXL ", b"\r\n\x87\n") + b"\0\0\0\x08abcd" * MANY,
        b"GIF89aXMP DataXMP" + b"<a>" * MANY,
        made.jpeg2000(xmp=made.xmp(elements="<a>" * MANY)),
        made.jpeg2000(iptc=made.iptc((2, 99, b"")) * MANY),
        b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 700, 5, MANY, 8) * MANY,
    ],
    ids=("padding", "segments", "chunks", "riff", "boxes", "gif", "xml", "iptc", "tags"),
)
def test_many_parts_are_looked_at_up_to_a_limit(data: bytes) -> None:
    assert READER.read(data, sniff(data)) is None


def test_a_compressed_text_is_unpacked_up_to_a_limit() -> None:
    text = b"Raw profile type exif\0\0" + zlib.compress(bytes(64 << 20))
    png = encoded(scene(1, (24, 16)), "PNG")
    chunk = struct.pack(">I4s", len(text), b"zTXt") + text + bytes(4)
    assert find_blocks(png[:33] + chunk * 50 + png[33:], "PNG").exif == ()


def test_entities_are_not_expanded() -> None:
    doctype = b'<!DOCTYPE a [<!ENTITY a "dog"><!ENTITY b SYSTEM "file:///etc/hostname">]>'
    packet = made.xmp(elements="<dc:description>&a;&b;</dc:description>")
    assert not read_xmp(doctype + packet.replace(b"&amp;", b"&")).description


def test_lists_of_xmp_end_at_a_limit() -> None:
    packet = made.xmp(elements=made.items("dc:subject", map(str, range(5000))))
    assert len(read_xmp(packet).keywords) == 256
