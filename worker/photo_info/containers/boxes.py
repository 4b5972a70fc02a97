"""Metadata in files of boxes: JPEG XL, JPEG 2000 and Canon's CR3."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from common.images import tiff_header
from worker.photo_info.containers.blocks import Blocks, tiff_of

# Boxes that the owner of a UUID defines, and whose contents follow it.
_UUID, _UUID_BYTES = b"uuid", 16
_XMP = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_IPTC = uuid.UUID("33c7a4d2-b81d-4723-a0ba-f1a3e097ad38").bytes
_EXIF = b"JpgTiffExif->JP2"
_CANON = uuid.UUID("85c0b687-820f-11e0-8111-f4ce462b6a48").bytes
# Canon's boxes: the camera, the picture, and where it was taken, each in a TIFF of its own.
_CANON_TIFFS = (b"CMT1", b"CMT2", b"CMT4")
# Maximum number of boxes of one level that are looked at.
_BOXES_MAX = 10_000


def find_jxl(data: bytes) -> Blocks:
    """Return a JPEG XL's blocks. Compressed ones are left out: nothing here unpacks Brotli."""
    found = dict(_boxes(data, 0, len(data), (b"Exif", b"xml ")))
    exif = found.get(b"Exif", b"")
    if not tiff_header.is_tiff(exif):
        # The offset of the TIFF comes first, though some programs leave it out.
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]
    return Blocks(tiff_of(exif), found.get(b"xml ", b""))


def find_jpeg2000(data: bytes) -> Blocks:
    """Return a JPEG 2000's blocks."""
    found = _by_uuid(data)
    return Blocks(tiff_of(found.get(_EXIF, b"")), found.get(_XMP, b""), found.get(_IPTC, b""))


def find_cr3(data: bytes) -> Blocks:
    """Return the blocks of a raw file of Canon's."""
    movie = dict(_boxes(data, 0, len(data), (b"moov",))).get(b"moov", b"")
    canon = _by_uuid(movie).get(_CANON, b"")
    tiffs = dict(_boxes(canon, 0, len(canon), _CANON_TIFFS))
    exif = tuple(tiffs[kind] for kind in _CANON_TIFFS if kind in tiffs)
    return Blocks(exif, _by_uuid(data).get(_XMP, b""))


def _by_uuid(data: bytes) -> dict[bytes, bytes]:
    boxes = _boxes(data, 0, len(data), (_UUID,))
    return {contents[:_UUID_BYTES]: contents[_UUID_BYTES:] for _, contents in boxes}


def _boxes(
    data: bytes, at: int, end: int, kinds: tuple[bytes, ...]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the contents of boxes of some kinds, each after its kind."""
    for _ in range(_BOXES_MAX):
        if at + 8 > end:
            return
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        # 0 means that the box is the last one.
        size = size or end - at
        if size < head:
            return
        if kind in kinds:
            yield kind, data[at + head : at + size]
        at += size
