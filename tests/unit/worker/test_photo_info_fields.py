"""The fields of photo info: the forms in which cameras and programs write them."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.support import photo_info as made
from worker.photo_info.cameras import camera_name
from worker.photo_info.exif import read_exif
from worker.photo_info.iptc import read_iptc
from worker.photo_info.locations import parse_degrees
from worker.photo_info.places import Places
from worker.photo_info.reader import PhotoInfoReader
from worker.photo_info.texts import clean_description, clean_keywords, clean_name, decode_text
from worker.photo_info.times import parse_time
from worker.photo_info.xmp import read_xmp

READER = PhotoInfoReader(places=Places("no_such_package"))


def read(**blocks: bytes) -> dict[str, Any]:
    info = READER.read(made.jpeg(**blocks), "JPEG")
    return {} if info is None else info.model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("2024:05:01 12:00:00", None, "2024-05-01T12:00:00"),
        ("2024:05:01 12:00:00", "+02:00", "2024-05-01T12:00:00+02:00"),
        ("2024:05:01 12:00:00", "-0330", "2024-05-01T12:00:00-03:30"),
        ("2024:05:01 12:00:00", "Z", "2024-05-01T12:00:00+00:00"),
        ("2024:05:01 12:00:00", "+99:00", "2024-05-01T12:00:00"),
        ("2024:05:01 12:00:00", "   :  ", "2024-05-01T12:00:00"),
        ("2024: 5: 1  9:03:05", None, "2024-05-01T09:03:05"),
        ("2024-05-01T12:00:00.123456789+02:00", None, "2024-05-01T12:00:00+02:00"),
        ("2024/05/01 12:00", None, "2024-05-01T12:00:00"),
        ("20240501 120000+0200", None, "2024-05-01T12:00:00+02:00"),
        ("2024-05-01", None, "2024-05-01T00:00:00"),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("2024:02:30 12:00:00", None, None),
        ("2024:05:01 25:00:00", None, None),
        ("0001:01:01 00:00:00", None, None),
        ("2024-05", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_times(text: str, offset: str | None, expected: str | None) -> None:
    assert parse_time(text, offset) == expected


def test_an_offset_of_a_change_counts_if_nothing_was_changed() -> None:
    tags = {0x9003: "2024:05:01 12:00:00", 0x9010: "+02:00"}
    first = {0x0132: "2024:05:01 12:00:00"}
    assert read(exif=made.exif(first, tags))["taken_at"] == "2024-05-01T12:00:00+02:00"
    first = {0x0132: "2024:06:01 12:00:00"}
    assert read(exif=made.exif(first, tags))["taken_at"] == "2024-05-01T12:00:00"


def test_the_time_of_a_change_counts_only_of_a_camera() -> None:
    changed = {0x0132: "2024:05:01 12:00:00"}
    assert read(exif=made.exif(changed)) == {}
    camera = read(exif=made.exif({**changed, 0x0110: "D70"}))
    assert camera == {"taken_at": "2024-05-01T12:00:00", "camera": "D70"}


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("OLYMPUS IMAGING CORP.  ", "E-M5           ", "OLYMPUS E-M5"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4530", "KODAK DX4530"),
        ("LG Electronics", "LG-H870", "LG-H870"),
        ("Leica Camera AG", "", "Leica"),
        (None, "D70", "D70"),
        ("\0\0\0", "   ", None),
        (" ,Co", "", None),
    ],
)
def test_cameras(make: str | None, model: str | None, expected: str | None) -> None:
    assert camera_name(make, model) == expected


NORTH = {1: "N", 2: (47.0, 22.0, 30.0), 3: "E", 4: (8.0, 32.0, 24.0)}


@pytest.mark.parametrize("little", [False, True])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (47.375, 8.54, None)),
        ({1: "S", 3: "W"}, (-47.375, -8.54, None)),
        ({2: (47.375, 0.0, 0.0)}, (47.375, 8.54, None)),
        ({5: b"\0", 6: 408.5}, (47.375, 8.54, 408.5)),
        ({5: b"\1", 6: 12.0}, (47.375, 8.54, -12.0)),
        ({6: 5e8}, (47.375, 8.54, None)),
        ({2: (91.0, 0.0, 0.0)}, None),
        ({2: (47.0, 99.0, 0.0)}, None),
        ({1: ""}, None),
        ({2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, None),
        ({2: (0.0, 0.0, 0.0)}, (0.0, 8.54, None)),
    ],
)
def test_locations(
    changes: dict[int, object], expected: tuple[float, float, float | None] | None, little: bool
) -> None:
    location = read_exif((made.exif(location={**NORTH, **changes}, little=little),)).location
    found = location and (location.latitude, location.longitude, location.altitude)
    assert found == expected


@pytest.mark.parametrize("broken", [(0, 0), (22, 0), (1 << 31, 1)])
def test_a_location_with_a_fraction_that_is_no_number_is_none(broken: tuple[int, int]) -> None:
    exif = made.exif(location=NORTH)
    minutes = struct.pack(">II", 22, 1)
    assert minutes in exif
    assert read_exif((exif.replace(minutes, struct.pack(">II", *broken)),)).location is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("47,22.5N", 47.375),
        ("8,32,24W", -8.54),
        ("47,22.5", None),
        ("47.375", None),
        ("1e9,0N", None),
        ("nan,0N", None),
        ("", None),
    ],
)
def test_degrees_in_xmp(text: str, expected: float | None) -> None:
    assert parse_degrees(text) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"ASCII\0\0\0a dog\0\0\0", "a dog"),
        (b"UNICODE\0" + "犬".encode("utf-16-be"), "犬"),
        (b"UNICODE\0" + "a dog".encode("utf-16-le"), "a dog"),
        (b"UNICODE\0" + "犬".encode("utf-16"), "犬"),
        (b"JIS\0\0\0\0\0" + "犬".encode("iso2022_jp"), "犬"),
        (bytes(8) + "犬と雪".encode(), "犬と雪"),
        (b"just a dog", "just a dog"),
        (b"ASCII\0\0\0" + b" " * 200, None),
        (bytes(200), None),
        (b"ASCII", "ASCII"),
    ],
)
def test_comments_of_users(comment: bytes, expected: str | None) -> None:
    assert read(exif=made.exif(picture={0x9286: comment})).get("description") == expected


@pytest.mark.parametrize(
    "text", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "DCIM\\100GOPRO", "????", "---", "0"]
)
def test_texts_that_cameras_write_into_all_pictures_are_no_descriptions(text: str) -> None:
    exif = made.exif({0x010E: text, 0x9C9C: "a dog".encode("utf-16-le")})
    assert read(exif=exif) == {"description": "a dog"}


@pytest.mark.parametrize("text", ["Hündin", "Café", "créée", "Élève", "犬と猫", "Ærøskøbing"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp932"])
def test_encodings_are_guessed(text: str, encoding: str) -> None:
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        return
    assert decode_text(data) == text


def test_iptc_is_decoded_as_it_says_or_in_one_encoding() -> None:
    declared = made.iptc((1, 90, b"\x1b%G"), (2, 25, "犬".encode()))
    assert read_iptc(declared).keywords == ("犬",)
    words = ("Собака на снегу", "зима", "собака")
    guessed = made.iptc(*((2, 25, word.encode("cp1251")) for word in words))
    assert read_iptc(guessed).keywords == words


def test_iptc_with_long_datasets() -> None:
    text = b"a dog " * 7000
    data = (
        b"\x1c\x02\x78\x80\x04" + len(text).to_bytes(4, "big") + text + made.iptc((2, 25, b"dog"))
    )
    assert read_iptc(data).keywords == ("dog",)
    assert (read_iptc(data).description or "").startswith("a dog a dog")


def test_xmp_has_properties_as_attributes_and_as_elements() -> None:
    elements = (
        "<exif:DateTimeOriginal>2024-05-01T12:00:00</exif:DateTimeOriginal>"
        "<exifEX:LensModel>EF50mm f/1.8</exifEX:LensModel><tiff:Model>EOS 5D</tiff:Model>"
    )
    said = read_xmp(made.xmp({"tiff:Make": "Canon", "aux:Lens": "other"}, elements))
    assert said.taken_at == "2024-05-01T12:00:00"
    assert said.camera == "Canon EOS 5D"
    assert said.lens == "EF50mm f/1.8"


def test_xmp_in_several_languages_has_a_default() -> None:
    alt = (
        '<dc:description><rdf:Alt><rdf:li xml:lang="fr">un chien</rdf:li>'
        '<rdf:li xml:lang="x-default">a dog</rdf:li></rdf:Alt></dc:description>'
    )
    assert read_xmp(made.xmp(elements=alt)).description == "a dog"


def test_xmp_of_a_picture_within_the_picture_is_not_its_own() -> None:
    nested = (
        "<xmpMM:Pantry><rdf:Bag><rdf:li><rdf:Description><tiff:Model>D70</tiff:Model>"
        "</rdf:Description></rdf:li></rdf:Bag></xmpMM:Pantry>"
    )
    assert read_xmp(made.xmp(elements=nested)).camera is None


def test_texts_are_cleaned_and_cut() -> None:
    assert clean_description("  a\r\ndog\0\x07\u202e\ufffd \ud800") == "a\ndog"
    assert clean_description("e\u0301" * 3000) == "é" * 2048
    assert clean_name("a\tdog\n  house") == "a dog house"
    assert clean_name("x" * 1000) == "x" * 128
    assert clean_keywords(["Dog", "dog ", "", "\0", "snow"]) == ["Dog", "snow"]
    assert len(clean_keywords(map(str, range(1, 1000)))) == 64
