"""The size in a JPEG XL's header (ISO 18181), since its decoder opens and decodes in one step."""

from __future__ import annotations

from collections.abc import Iterator

# Begins a codestream; any other file is a container of boxes.
_CODESTREAM = b"\xff\x0a"
# Boxes of a container with a codestream, or with a part of it after the part's number.
_WHOLE, _PART, _NUMBER_BYTES = b"jxlc", b"jxlp", 4
# Bits of a side's length, by a selector of two bits.
_SIDE_BITS = (9, 13, 18, 30)
# Width / height by a selector of three bits; 0 means that the width follows.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# At least as many as the size in a codestream's header takes.
_HEADER_BYTES = 16
# Maximum number of boxes that are read.
_BOXES_MAX = 10_000


class _Bits:
    """Reads numbers from bytes, the lowest bits first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def size_of(data: bytes) -> tuple[int, int]:
    """Return a picture's width and height as encoded.

    Raises:
        EOFError: The header is incomplete.
    """
    codestream = b"".join(_codestream(data))
    if not codestream.startswith(_CODESTREAM):
        raise EOFError("no codestream")
    bits = _Bits(codestream.removeprefix(_CODESTREAM))
    is_small = bits.take(1)
    height = _side(bits, is_small)
    ratio = bits.take(3)
    if ratio:
        wide, high = _RATIOS[ratio]
        return height * wide // high, height
    return _side(bits, is_small), height


def _side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.take(_SIDE_BITS[bits.take(2)]) + 1


def _codestream(data: bytes) -> Iterator[bytes]:
    """Yield the beginnings of the codestream's parts."""
    if data.startswith(_CODESTREAM):
        yield data[:_HEADER_BYTES]
        return
    at = 0
    for _ in range(_BOXES_MAX):
        if at + 8 > len(data):
            return
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        start = at + head + (_NUMBER_BYTES if kind == _PART else 0)
        # 0 means that the box is the last one.
        end = at + size if size else len(data)
        if kind in (_WHOLE, _PART):
            yield data[start : min(end, start + _HEADER_BYTES)]
        if end < at + head:
            return
        at = end
