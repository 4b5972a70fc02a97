"""Metadata in a JPEG: segments before the pixels, each of at most 64 KiB."""

from __future__ import annotations

from collections.abc import Iterator

from worker.photo_info.containers import photoshop
from worker.photo_info.containers.blocks import Blocks, tiff_of

_MARK = 0xFF
# Markers: of EXIF and XMP, of Photoshop's resources, and of the pixels.
_APP1, _APP13, _PIXELS = 0xE1, 0xED, 0xDA
_EXIF, _XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
# Maximum number of segments that are looked at.
_SEGMENTS_MAX = 4096


def find(data: bytes) -> Blocks:
    """Return a JPEG's blocks. The second part of a large XMP, which few files have, is left out."""
    exif, xmp, resources = [], b"", []
    for marker, start, end in _segments(data):
        if marker == _APP1:
            if data.startswith(_EXIF, start, end):
                # A block larger than a segment continues in the next one.
                exif.append(data[start + len(_EXIF) + 1 : end])
            elif not xmp and data.startswith(_XMP, start, end):
                xmp = data[start + len(_XMP) : end]
        elif marker == _APP13 and data.startswith(_PHOTOSHOP, start, end):
            resources.append(data[start + len(_PHOTOSHOP) : end])
    iptc = photoshop.resources(b"".join(resources)).get(photoshop.IPTC, b"")
    return Blocks(tiff_of(b"".join(exif)), xmp, iptc)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment, and where its contents begin and end."""
    at = 2
    for _ in range(_SEGMENTS_MAX):
        if data[at + 1 : at + 2] == b"\xff":
            # Padding.
            at += 1
            continue
        if at + 4 > len(data) or data[at] != _MARK or data[at + 1] == _PIXELS:
            return
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        yield data[at + 1], at + 4, end
        at = end
