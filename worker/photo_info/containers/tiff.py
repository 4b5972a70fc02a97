"""Metadata in a TIFF, and in raw files that are TIFFs."""

from __future__ import annotations

import struct
from typing import Any

from common.images.tiff_header import read_tags
from worker.photo_info.containers import jpeg, photoshop
from worker.photo_info.containers.blocks import Blocks

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
# A raw file of Fujifilm's: where the offset and the length of its preview are.
_RAF_PREVIEW, _RAF_PREVIEW_AT = struct.Struct(">II"), 84


def find(data: bytes) -> Blocks:
    """Return a TIFF's blocks; the file is its own EXIF."""
    tags = read_tags(data, (_XMP, _IPTC, _PHOTOSHOP))
    order = "<" if data[:2] == b"II" else ">"
    xmp, iptc, resources = (_bytes(tags.get(tag, ()), order) for tag in (_XMP, _IPTC, _PHOTOSHOP))
    iptc = iptc or photoshop.resources(resources).get(photoshop.IPTC, b"")
    return Blocks((data,), xmp, iptc)


def find_raf(data: bytes) -> Blocks:
    """Return the blocks of a raw file of Fujifilm's, which are those of its preview."""
    at, length = _RAF_PREVIEW.unpack_from(data, _RAF_PREVIEW_AT)
    return jpeg.find(data[at : at + length])


def _bytes(values: tuple[Any, ...], order: str) -> bytes:
    """Return a value's bytes; Photoshop declares its IPTC as integers of 32 bits."""
    if not values or isinstance(values[0], bytes):
        return b"".join(values)
    if all(0 <= value < 256 for value in values):
        return bytes(values)
    if all(0 <= value < 1 << 32 for value in values):
        return struct.pack(f"{order}{len(values)}I", *values)
    return b""
