"""The largest size in an icon, whose directory may say another one than its pictures."""

from __future__ import annotations

import struct

# The directory's head, and for each picture: sizes, colours and depth, then length and offset.
_HEAD, _ENTRY = struct.Struct("<HHH"), struct.Struct("<8xII")
_PNG, _PNG_SIZE_AT = b"\x89PNG", 16
# A bitmap's size follows the length of its header; its height counts a mask as well.
_BITMAP_SIZE_AT = 4


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and height of an icon's largest picture.

    Raises:
        struct.error: The directory or a picture is incomplete.
    """
    _, _, count = _HEAD.unpack_from(data)
    entries = [_ENTRY.unpack_from(data, _HEAD.size + at * _ENTRY.size) for at in range(count)]
    sizes = [_picture_size(data, offset) for _, offset in entries]
    return max(sizes, key=lambda size: size[0] * size[1])


def _picture_size(data: bytes, offset: int) -> tuple[int, int]:
    if data[offset : offset + len(_PNG)] == _PNG:
        width, height = struct.unpack_from(">II", data, offset + _PNG_SIZE_AT)
        return width, height
    width, height = struct.unpack_from("<ii", data, offset + _BITMAP_SIZE_AT)
    return abs(width), abs(height) // 2
