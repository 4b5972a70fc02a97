"""The depth of a JPEG 2000's values, which Pillow only handles right for some of them."""

from __future__ import annotations

import struct

# Begins a codestream, with the segment that describes it: the number of components is at byte 40,
# and three bytes for each of them follow.
_START, _COMPONENTS_AT = b"\xff\x4f\xff\x51", struct.Struct(">40xH")
_COMPONENT_BYTES = 3
# The bits of a component's first byte that count its bits but one; the other one is a sign.
_BITS = 0x7F


def depths(data: bytes) -> list[int]:
    """Return the bits of each component; empty if there is no header."""
    start = data.find(_START)
    if start < 0 or start + _COMPONENTS_AT.size > len(data):
        return []
    (count,) = _COMPONENTS_AT.unpack_from(data, start)
    first = start + _COMPONENTS_AT.size
    return [(byte & _BITS) + 1 for byte in data[first : first + count * _COMPONENT_BYTES : 3]]
