"""Metadata in a WebP: chunks of RIFF."""

from __future__ import annotations

import struct

from worker.photo_info.containers.blocks import Blocks, tiff_of

_HEAD_BYTES, _HEAD = 12, struct.Struct("<4sI")
# Maximum number of chunks that are looked at; each frame of an animation is one.
_CHUNKS_MAX = 100_000


def find(data: bytes) -> Blocks:
    """Return a WebP's blocks."""
    found: dict[bytes, bytes] = {}
    at = _HEAD_BYTES
    for _ in range(_CHUNKS_MAX):
        if at + _HEAD.size > len(data):
            break
        kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if kind in (b"EXIF", b"XMP "):
            found.setdefault(kind, data[at : at + length])
        at += length + length % 2
    return Blocks(tiff_of(found.get(b"EXIF", b"")), found.get(b"XMP ", b""))
