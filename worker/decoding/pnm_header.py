"""The length of a PNM's header, which Pillow reads byte by byte, however long its comments are."""

from __future__ import annotations

import re

# A number after whitespace and comments.
_NUMBER = rb"(?:\s|#[^\r\n]*[\r\n])+\d+"
# Bitmaps have a width and a height; others also a largest value.
_HEADER = re.compile(rb"P(?:[14]" + _NUMBER * 2 + rb"|[2356]" + _NUMBER * 3 + rb")\s")
_BYTES_MAX = 64 * 1024


def check(data: bytes) -> None:
    """Raise a SyntaxError, as Pillow would, unless a PNM's header ends soon."""
    if not _HEADER.match(data[:_BYTES_MAX]):
        raise SyntaxError("no header within its first bytes")
