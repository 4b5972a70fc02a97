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
# A compressed colour profile after a name and the byte of its method.
_PROFILE = b"iCCP"
# Ancillary chunks that change how a picture looks. There may be any number of others.
_KEPT = frozenset({b"tRNS", b"eXIf", _PROFILE, b"acTL", b"fcTL", b"fdAT"})
# Maximum bytes of a decompressed profile.
_PROFILE_BYTES_MAX = 1 << 20


def pixels_only(data: bytes) -> bytes:
    """Return a PNG without large profiles and ancillary chunks that have errors or do not matter.

    Pillow refuses a picture for some of them, and reads each of them slowly. The rest stays as it
    is, damaged or not.
    """
    kept, start = [], 0
    for at, end in _refused(data):
        kept.append(data[start:at])
        start = end
    return b"".join([*kept, data[start:]]) if kept else data


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each complete chunk's kind, and where its data begins and ends."""
    at = len(_SIGNATURE)
    while at + _HEAD.size <= len(data):
        length, kind = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        at = start + length + _CHECKSUM.size
        if at > len(data):
            return
        yield kind, start, start + length


def is_ancillary(kind: bytes) -> bool:
    """Return whether the pixels can be shown without a chunk."""
    return bool(kind[0] & _ANCILLARY)


def _refused(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each chunk that is left out begins and ends."""
    for kind, start, end in chunks(data):
        if is_ancillary(kind) and not _is_fine(data, kind, start, end):
            yield start - _HEAD.size, end + _CHECKSUM.size


def _is_fine(data: bytes, kind: bytes, start: int, end: int) -> bool:
    if kind not in _KEPT:
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
