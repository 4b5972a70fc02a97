"""Target: the reader of photo info, from a file's bytes to what is stored of its metadata."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from hypothesis import strategies as st

from common.images import photo_info as limits
from common.images.formats import MEDIA_TYPES
from tests.fuzz.target import Target
from tests.support import photo_info as made
from tests.support.damage import DAMAGE, damaged
from tests.support.pictures import encoded, scene
from worker.photo_info.containers.find import find_blocks
from worker.photo_info.exif import read_exif
from worker.photo_info.iptc import read_iptc
from worker.photo_info.places import Places
from worker.photo_info.reader import PhotoInfoReader
from worker.photo_info.xmp import read_xmp

_FORMATS = tuple(sorted(MEDIA_TYPES))
_READER = PhotoInfoReader(places=Places("no_such_package"))


def check(case: tuple[str, bytes]) -> None:
    """Read a file: it never raises, and what it returns can be stored and shown."""
    name, data = case
    _check_parsers(name, data)
    info = _READER.read(data, name)
    if info is None:
        return
    if info.taken_at is not None:
        datetime.fromisoformat(info.taken_at)
    assert len(info.keywords) <= limits.KEYWORDS_MAX
    texts = [
        *((keyword, limits.KEYWORD_CHARACTERS_MAX) for keyword in info.keywords),
        *((text, limits.NAME_CHARACTERS_MAX) for text in (info.camera, info.lens) if text),
        (info.description or "-", limits.DESCRIPTION_CHARACTERS_MAX),
    ]
    for text, characters_max in texts:
        assert 0 < len(text.strip()) <= characters_max
        shown = text.replace("\n", "")
        assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs"}
    assert type(info).model_validate_json(info.model_dump_json()) == info


def _check_parsers(name: str, data: bytes) -> None:
    """Parse each block: a broken field never costs the others."""
    try:
        blocks = find_blocks(data, name)
    except Exception:
        # The reader then has nothing to parse.
        return
    read_exif(blocks.exif)
    read_xmp(blocks.xmp)
    read_iptc(blocks.iptc)


def read(data: bytes) -> tuple[str, bytes]:
    """Return a case from arbitrary bytes; the first byte selects the format."""
    return _FORMATS[data[0] % len(_FORMATS)] if data else "JPEG", data[1:]


def _files() -> dict[str, bytes]:
    exif = made.exif(
        {0x010E: "Dogs", 0x010F: "NIKON", 0x0110: "NIKON D70", 0x0112: 6, 0x9C9E: b"d\0;\0"},
        {0x9003: "2024:05:01 12:00:00", 0x9011: "+02:00", 0x9286: b"UNICODE\0d\0o\0g\0"},
        {1: "N", 2: (47.0, 22.0, 30.5), 3: "E", 4: (8.0, 32.0, 0.0), 5: 0, 6: 408.5},
        little=True,
    )
    listed = made.items("dc:subject", ["dog", "snow"]) + made.items("dc:description", ["A"], "Alt")
    xmp = made.xmp({"exif:GPSLatitude": "47,22.5N", "exif:GPSLongitude": "8,32.0E"}, listed)
    iptc = made.iptc((2, 25, b"H\xfcndin"), (2, 55, b"20240501"), (2, 60, b"120000+0200"))
    blocks = {"exif": exif, "xmp": xmp, "iptc": iptc}
    image = scene(1, (24, 16))
    return {
        "AVIF": encoded(image, "AVIF", exif=exif, xmp=xmp),
        "CR3": made.cr3(exif, exif, exif, xmp),
        "GIF": encoded(image, "GIF")[:-1] + b"XMP DataXMP" + xmp,
        "HEIF": encoded(image, "HEIF", exif=b"Exif\0\0" + exif, xmp=xmp),
        "JPEG": made.jpeg(**blocks),
        "JPEG2000": made.jpeg2000(**blocks),
        "JXL": made.jxl(exif, xmp),
        "NEF": exif,
        "PNG": made.png(**blocks),
        "PSD": made.psd(**blocks),
        "RAF": made.raf(made.jpeg(**blocks)),
        "WEBP": encoded(image, "WEBP", exif=exif, xmp=xmp),
    }


_FILES = _files()
_SEEDS = tuple(bytes([_FORMATS.index(name)]) + data for name, data in _FILES.items())

TARGET = Target(
    check=check,
    cases=st.sampled_from(sorted(_FILES)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.builds(damaged, st.just(_FILES[name]), st.lists(DAMAGE, max_size=3)),
        )
    ),
    read=read,
    seeds=_SEEDS,
)
