"""The reader of photo info: every format, which source wins, and what is kept."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from common.images.formats import sniff
from common.images.photo_info import PhotoInfo
from tests.support import photo_info as made
from tests.support.ingest_bench import Shared
from tests.support.pictures import encoded, scene
from worker.decoders.inline import InlineDecoder
from worker.decoding.decode import decode
from worker.encoders.hashing import HashingEncoder
from worker.ingest.pictures import PictureReader
from worker.photo_info.places import Places
from worker.photo_info.reader import Keep, PhotoInfoReader
from worker.thumbnails.rendering import render

READER = PhotoInfoReader(places=Places("no_such_package"))

FIRST = {0x010E: "Two dogs", 0x010F: "Canon", 0x0110: "Canon EOS 5D", 0x0112: 6}
PICTURE = {0x9003: "2024:05:01 12:00:00", 0x9011: "+02:00", 0xA434: "EF50mm f/1.8"}
ZURICH = {1: "N", 2: (47.0, 22.0, 30.0), 3: "E", 4: (8.0, 32.0, 24.0), 5: b"\0", 6: 408.5}
EXIF = made.exif(FIRST, PICTURE, ZURICH, little=True)
XMP = made.xmp(elements=made.items("dc:subject", ["dog", "snow"]))
IPTC = made.iptc((2, 25, b"winter"))
PARTS = (made.PICTURE, made.LOCATION)
IMAGE = scene(1, (24, 16))


def read(data: bytes, name: str | None = None) -> dict[str, Any]:
    info = READER.read(data, name or sniff(data))
    return {} if info is None else info.model_dump(exclude_defaults=True)


SAID = {
    "taken_at": "2024-05-01T12:00:00+02:00",
    "camera": "Canon EOS 5D",
    "lens": "EF50mm f/1.8",
    "orientation": 6,
    "location": {"latitude": 47.375, "longitude": 8.54, "altitude": 408.5},
    "description": "Two dogs",
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("AVIF", encoded(IMAGE, "AVIF", exif=EXIF)),
        ("HEIF", encoded(IMAGE, "HEIF", exif=b"Exif\0\0" + EXIF)),
        ("JPEG", made.jpeg(EXIF)),
        ("JPEG", made.jpeg(made.exif(FIRST, PICTURE, ZURICH))),
        ("JPEG2000", made.jpeg2000(EXIF)),
        ("JXL", made.jxl(EXIF)),
        ("JXL", encoded(IMAGE, "JXL", exif=EXIF)),
        ("NEF", EXIF),
        ("PNG", made.png(EXIF)),
        ("PNG", made.png(EXIF, legacy=True)),
        ("PSD", made.psd(EXIF)),
        ("RAF", made.raf(made.jpeg(EXIF))),
        ("WEBP", encoded(IMAGE, "WEBP", exif=EXIF)),
        ("CR3", made.cr3(made.exif(FIRST), *(made.alone(EXIF, part) for part in PARTS))),
    ],
)
def test_exif_is_read_from_every_format(name: str, data: bytes) -> None:
    assert read(data, name) == SAID


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_is_its_own_exif(big: bool) -> None:
    tags = Image.Exif()
    for tag, value in FIRST.items():
        tags[tag] = value
    tags[700] = XMP
    tags[33723] = IPTC
    file = io.BytesIO()
    IMAGE.save(file, "TIFF", exif=tags, big_tiff=big)
    assert read(file.getvalue(), "TIFF") == {
        "camera": "Canon EOS 5D",
        "orientation": 6,
        "description": "Two dogs",
        "keywords": ["dog", "snow", "winter"],
    }


@pytest.mark.parametrize(
    "data",
    [
        made.jpeg(xmp=XMP, iptc=IPTC),
        made.png(xmp=XMP, iptc=IPTC),
        made.psd(xmp=XMP, iptc=IPTC),
        made.jpeg2000(xmp=XMP, iptc=IPTC),
    ],
    ids=sniff,
)
def test_xmp_and_iptc_are_read_together(data: bytes) -> None:
    assert read(data) == {"keywords": ["dog", "snow", "winter"]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("AVIF", encoded(IMAGE, "AVIF", xmp=XMP)),
        ("CR3", made.cr3(b"", b"", b"", XMP)),
        ("GIF", encoded(IMAGE, "GIF")[:-1] + b"XMP DataXMP" + XMP + b"\1\0;"),
        ("HEIF", encoded(IMAGE, "HEIF", xmp=XMP)),
        ("JXL", made.jxl(b"", XMP)),
        ("WEBP", encoded(IMAGE, "WEBP", xmp=XMP)),
    ],
)
def test_formats_without_iptc_have_xmp(name: str, data: bytes) -> None:
    assert read(data, name) == {"keywords": ["dog", "snow"]}


def test_a_file_that_says_nothing_has_no_info() -> None:
    assert READER.read(encoded(IMAGE, "JPEG"), "JPEG") is None
    assert READER.read(encoded(IMAGE, "BMP"), "BMP") is None


def test_exif_wins_over_xmp_and_xmp_over_iptc() -> None:
    xmp = made.xmp(
        {
            "exif:DateTimeOriginal": "2023-01-01T10:00:00Z",
            "tiff:Make": "NIKON",
            "tiff:Model": "NIKON D70",
            "tiff:Orientation": "3",
            "aux:Lens": "18-70mm",
            "exif:GPSLatitude": "52,31.2N",
            "exif:GPSLongitude": "13,24.3E",
        },
        made.items("dc:description", ["Two cats"], "Alt"),
    )
    iptc = made.iptc((2, 120, b"Two birds"), (2, 55, b"20220101"), (2, 60, b"100000+0100"))
    assert read(made.jpeg(EXIF, xmp, iptc)) == SAID
    assert read(made.jpeg(b"", xmp, iptc)) == {
        "taken_at": "2023-01-01T10:00:00+00:00",
        "camera": "NIKON D70",
        "lens": "18-70mm",
        "orientation": 3,
        "location": {"latitude": 52.52, "longitude": 13.405},
        "description": "Two cats",
    }
    assert read(made.jpeg(b"", b"", iptc)) == {
        "taken_at": "2022-01-01T10:00:00+01:00",
        "description": "Two birds",
    }


def test_the_time_it_was_taken_wins_over_the_time_it_was_scanned() -> None:
    scanned = made.exif(picture={0x9004: "2020:01:01 10:00:00"})
    iptc = made.iptc((2, 55, b"19690720"))
    assert read(made.jpeg(scanned)) == {"taken_at": "2020-01-01T10:00:00"}
    assert read(made.jpeg(scanned, iptc=iptc)) == {"taken_at": "1969-07-20T00:00:00"}


def test_xmp_adds_the_offset_of_the_same_time() -> None:
    exif = made.exif(picture={0x9003: "2024:05:01 12:00:00"})
    same = made.xmp({"photoshop:DateCreated": "2024-05-01T12:00:00.25+02:00"})
    other = made.xmp({"photoshop:DateCreated": "2024-05-01T13:00:00+02:00"})
    assert read(made.jpeg(exif, same)) == {"taken_at": "2024-05-01T12:00:00+02:00"}
    assert read(made.jpeg(exif, other)) == {"taken_at": "2024-05-01T12:00:00"}


def test_a_description_in_a_known_encoding_wins_over_a_guess() -> None:
    exif = made.exif({0x010E: "H\xfcndin".encode("latin-1")})
    xmp = made.xmp(elements=made.items("dc:description", ["Hündin im Schnee"], "Alt"))
    assert read(made.jpeg(exif)) == {"description": "Hündin"}
    assert read(made.jpeg(exif, xmp)) == {"description": "Hündin im Schnee"}


def test_keywords_of_all_sources_are_listed_once() -> None:
    exif = made.exif({0x9C9E: "Snow;ski;;".encode("utf-16-le")})
    lists = made.items("lr:hierarchicalSubject", ["animals|dog|poodle"])
    xmp = made.xmp(elements=made.items("dc:subject", ["dog", "Snow"]) + lists)
    iptc = made.iptc((2, 25, b"DOG"), (2, 25, b"winter"))
    keywords = ["dog", "Snow", "animals", "poodle", "winter", "ski"]
    assert read(made.jpeg(exif, xmp, iptc)) == {"keywords": keywords}


def test_the_location_is_left_out_on_request() -> None:
    reader = PhotoInfoReader("no-location")
    info = reader.read(made.jpeg(EXIF, XMP), "JPEG")
    assert info == PhotoInfo(**{**SAID, "location": None, "keywords": ["dog", "snow"]})
    assert reader.read(made.jpeg(made.exif(location=ZURICH)), "JPEG") is None


def test_everything_is_left_out_on_request() -> None:
    assert PhotoInfoReader("none").read(made.jpeg(EXIF, XMP, IPTC), "JPEG") is None


def test_thumbnails_carry_nothing_of_it() -> None:
    for data in (made.jpeg(EXIF, XMP, IPTC), made.png(EXIF, XMP, IPTC)):
        thumbnails = render(decode(data, 100_000))
        assert thumbnails
        assert all(READER.read(thumbnail, "JPEG") is None for thumbnail in thumbnails.values())


@pytest.mark.parametrize(("keep", "camera"), [("all", "Canon EOS 5D"), ("none", None)])
def test_an_ingested_image_has_it_in_its_record(keep: Keep, camera: str | None) -> None:
    shared = Shared()
    chunk = shared.put(made.jpeg(made.exif(FIRST)))
    decoder = InlineDecoder(
        shared.blobs, HashingEncoder(), 100_000, photo_info=PhotoInfoReader(keep)
    )
    photo = PictureReader(decoder).read(chunk.items[0], chunk, "owner").record.photo
    assert (photo and photo.camera) == camera
