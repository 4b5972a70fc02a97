"""Photoshop's resources: in a PSD, and in a JPEG's segments."""

from __future__ import annotations

import struct

from worker.photo_info.containers.blocks import Blocks, tiff_of

# Kinds of resources.
IPTC, _EXIF, _XMP = 0x0404, 0x0422, 0x0424
_SIGNATURE = b"8BIM"
_KIND, _LENGTH = struct.Struct(">4sHB"), struct.Struct(">I")
# The size of a PSD's header; then come the colours, and the resources.
_PSD_HEADER_BYTES = 26
# Maximum number of resources that are looked at.
_RESOURCES_MAX = 1024


def find(data: bytes) -> Blocks:
    """Return a PSD's blocks."""
    (colours,) = _LENGTH.unpack_from(data, _PSD_HEADER_BYTES)
    at = _PSD_HEADER_BYTES + _LENGTH.size + colours
    (length,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    found = resources(data[at : at + length])
    return Blocks(tiff_of(found.get(_EXIF, b"")), found.get(_XMP, b""), found.get(IPTC, b""))


def resources(data: bytes) -> dict[int, bytes]:
    """Return the first resource of each kind that has metadata, up to damage."""
    found: dict[int, bytes] = {}
    at = 0
    for _ in range(_RESOURCES_MAX):
        if at + _KIND.size > len(data):
            break
        signature, kind, name = _KIND.unpack_from(data, at)
        # The name's length and the name have an even size.
        at += _KIND.size + name + (name + 1) % 2
        if signature != _SIGNATURE or at + _LENGTH.size > len(data):
            break
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if kind in (IPTC, _EXIF, _XMP):
            found.setdefault(kind, data[at : at + length])
        at += length + length % 2
    return found
