"""The chunks of a PNG: without those that Pillow refuses and that carry no pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Length of a chunk's data, then the kind; the checksum follows the data.
_HEAD, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
# The bit of a kind's first letter that makes it ancillary: the pixels can be shown without it.
_ANCILLARY = 0x20
# Compressed text, and a compressed colour profile after a name and the byte of its method.
_TEXTS, _PROFILE = frozenset({b"zTXt", b"iTXt"}), b"iCCP"
# Maximum bytes of a decompressed profile.
_PROFILE_BYTES_MAX = 1 << 20


def pixels_only(data: bytes) -> bytes:
    """Return a PNG without compressed texts, large profiles and ancillary chunks with errors.

    None of them is needed for the pixels, and Pillow refuses the picture for each of them. The
    rest stays as it is, damaged or not.
    """
    kept, start = [], 0
    for at, end in _refused(data):
        kept.append(data[start:at])
        start = end
    return b"".join([*kept, data[start:]]) if kept else data


def _refused(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each chunk that is left out begins and ends."""
    at = len(_SIGNATURE)
    while at + _HEAD.size <= len(data):
        length, kind = _HEAD.unpack_from(data, at)
        body = at + _HEAD.size
        end = body + length + _CHECKSUM.size
        if end > len(data):
            return
        if kind[0] & _ANCILLARY and not _is_fine(data, kind, body, body + length):
            yield at, end
        at = end


def _is_fine(data: bytes, kind: bytes, start: int, end: int) -> bool:
    if kind in _TEXTS:
        return False
    (checksum,) = _CHECKSUM.unpack_from(data, end)
    if zlib.crc32(data[start:end], zlib.crc32(kind)) != checksum:
        return False
    return kind != _PROFILE or _fits(data[start:end])


def _fits(profile: bytes) -> bool:
    _, _, rest = profile.partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(rest[1:], _PROFILE_BYTES_MAX)
    except zlib.error:
        return False
    return inflate.eof
