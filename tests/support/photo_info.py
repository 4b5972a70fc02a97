"""Metadata built in code: EXIF, XMP and IPTC, and files of each format around them."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterable, Mapping
from html import escape

from PIL import Image

from common.images.tiff_header import read_tags
from tests.support.pictures import encoded, scene

# The parts of EXIF.
PICTURE, LOCATION = 0x8769, 0x8825

_NAMESPACES = {
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
}
_XMP_UUID = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_IPTC_UUID = uuid.UUID("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38").bytes
_CANON_UUID = uuid.UUID("85c0b687-820f-11e0-8111-f4ce462b6a48").bytes


def exif(
    first: Mapping[int, object] | None = None,
    picture: Mapping[int, object] | None = None,
    location: Mapping[int, object] | None = None,
    *,
    little: bool = False,
) -> bytes:
    """Return a TIFF of tags, as cameras write it, without the name before it."""
    made = Image.Exif()
    made.endian = "<" if little else ">"
    for tag, value in (first or {}).items():
        made[tag] = value
    for part, tags in ((PICTURE, picture), (LOCATION, location)):
        for tag, value in (tags or {}).items():
            made.get_ifd(part)[tag] = value
    return made.tobytes().removeprefix(b"Exif\0\0")


def alone(tiff: bytes, part: int) -> bytes:
    """Return a TIFF whose first directory is a part of EXIF, as in Canon's CR3."""
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = read_tags(tiff, (part,))[part]
    return tiff[:4] + struct.pack(order + "I", start) + tiff[8:]


def xmp(attributes: Mapping[str, str] | None = None, elements: str = "") -> bytes:
    """Return a packet of XMP with properties as attributes and as elements."""
    names = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    given = "".join(f' {name}="{escape(text)}"' for name, text in (attributes or {}).items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF{names}>'
        f'<rdf:Description rdf:about=""{given}>{elements}</rdf:Description>'
        f'</rdf:RDF></x:xmpmeta>{" " * 100}<?xpacket end="w"?>'
    ).encode()


def items(name: str, texts: Iterable[str], kind: str = "Bag") -> str:
    """Return a property of XMP that is a list."""
    listed = "".join(f"<rdf:li>{escape(text)}</rdf:li>" for text in texts)
    return f"<{name}><rdf:{kind}>{listed}</rdf:{kind}></{name}>"


def iptc(*datasets: tuple[int, int, bytes]) -> bytes:
    """Return datasets of IPTC-IIM, given as record, number and value."""
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(value)) + value
        for record, number, value in datasets
    )


def resource(kind: int, data: bytes) -> bytes:
    """Return a resource of Photoshop's."""
    return struct.pack(">4sHHI", b"8BIM", kind, 0, len(data)) + data + bytes(len(data) % 2)


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def jpeg(exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"") -> bytes:
    segments = [
        (0xE1, b"Exif\0\0", exif),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0", xmp),
        (0xED, b"Photoshop 3.0\0", iptc and resource(0x0404, iptc)),
    ]
    head = b"".join(
        struct.pack(">BBH", 0xFF, marker, 2 + len(name) + len(data)) + name + data
        for marker, name, data in segments
        if data
    )
    plain = encoded(scene(1, (24, 16)), "JPEG")
    return plain[:2] + head + plain[2:]


def png(exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"", *, legacy: bool = False) -> bytes:
    """Return a PNG; the legacy form is the one of ImageMagick before EXIF had a chunk."""
    chunks = [(b"eXIf", exif)] if exif and not legacy else []
    if xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    profiles = {b"iptc": iptc and resource(0x0404, iptc)}
    if legacy and exif:
        profiles[b"exif"] = b"Exif\0\0" + exif
    for name, data in profiles.items():
        text = b"\n%s\n%8d\n%s\n" % (name, len(data), data.hex("\n", 36).encode())
        if data:
            chunks.append((b"zTXt", b"Raw profile type " + name + b"\0\0" + zlib.compress(text)))
    made = b"".join(
        struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    plain = encoded(scene(1, (24, 16)), "PNG")
    return plain[:33] + made + plain[33:]


def psd(exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"") -> bytes:
    resources = b"".join(
        resource(kind, data)
        for kind, data in ((0x0404, iptc), (0x0422, exif), (0x0424, xmp))
        if data
    )
    plain = encoded(scene(1, (24, 16)), "PSD")
    return plain[:30] + struct.pack(">I", len(resources)) + resources + plain[34:]


def jpeg2000(exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"") -> bytes:
    return encoded(scene(1, (24, 16)), "JPEG2000") + b"".join(
        box(b"uuid", name + data)
        for name, data in ((b"JpgTiffExif->JP2", exif), (_XMP_UUID, xmp), (_IPTC_UUID, iptc))
        if data
    )


def jxl(exif: bytes = b"", xmp: bytes = b"") -> bytes:
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    codestream = box(b"jxlc", encoded(scene(1, (24, 16)), "JXL"))
    return head + box(b"Exif", bytes(4) + exif) + box(b"xml ", xmp) + codestream


def cr3(first: bytes, picture: bytes, location: bytes, xmp: bytes = b"") -> bytes:
    """Return what a raw file of Canon's has besides its pictures, each TIFF being a directory."""
    tiffs = ((b"CMT1", first), (b"CMT2", picture), (b"CMT4", location))
    canon = b"".join(box(kind, tiff) for kind, tiff in tiffs)
    movie = box(b"moov", box(b"uuid", _CANON_UUID + canon))
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + movie + box(b"uuid", _XMP_UUID + xmp)


def raf(preview: bytes) -> bytes:
    """Return what a raw file of Fujifilm's has before the sensor's values."""
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 100, len(preview))
    return head.ljust(100, b"\0") + preview
