"""Metadata in a JPEG: segments before the pixels, each of at most 64 KiB."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker.photo_info.containers import photoshop
from worker.photo_info.containers.blocks import NO_BLOCKS, Blocks, tiff_of

_MARK = 0xFF
# A mark, a marker, and the length of what follows, including itself.
_HEAD = struct.Struct(">BBH")
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
    if not (exif or xmp or resources):
        return NO_BLOCKS
    iptc = photoshop.resources(b"".join(resources)).get(photoshop.IPTC, b"")
    return Blocks(tiff_of(b"".join(exif)), xmp, iptc)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment of interest, and where its contents begin and end."""
    at, last = 2, len(data) - _HEAD.size
    for _ in range(_SEGMENTS_MAX):
        if at > last:
            return
        mark, marker, length = _HEAD.unpack_from(data, at)
        if mark != _MARK or marker == _PIXELS:
            return
        if marker == _MARK:
            # Padding.
            at += 1
            continue
        if marker in (_APP1, _APP13):
            yield marker, at + _HEAD.size, at + 2 + length
        at += 2 + length
