"""The names in a zip: in UTF-8, in another declared form, or in an encoding that is guessed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cached_property

from worker.archives.encodings import guess_encoding, is_utf8

# Section 4.4.4 of PKWARE's APPNOTE.TXT: the flag for a name in UTF-8.
_UTF8_FLAG = 0x0800
# Section 4.6.9: Info-ZIP's extra field with a name in UTF-8, after a version and the checksum of
# the name that it replaces.
UNICODE_FIELD = 0x7075
_UNICODE_HEAD = struct.Struct("<BL")

# The encoding that the standard gives for names that are not declared as UTF-8.
_STANDARD = "cp437"


class Names:
    """Decodes the names of one zip, all undeclared ones from the same encoding.

    Args:
        sample: Returns names that are not in UTF-8, for the guess; called once at most.
    """

    def __init__(self, sample: Callable[[], Iterable[bytes]]) -> None:
        self._sample = sample

    def decode(self, name: bytes, flags: int, unicode_field: bytes | None) -> str:
        """Return a name.

        Args:
            name: The name in the directory.
            flags: The record's flags.
            unicode_field: The data of its ``UNICODE_FIELD``, if it has one.
        """
        declared = _declared(name, unicode_field)
        if declared is not None:
            return declared
        if flags & _UTF8_FLAG or is_utf8(name):
            # Many programs write UTF-8 without setting the flag.
            return name.decode(errors="replace")
        return name.decode(self._encoding, errors="replace")

    @cached_property
    def _encoding(self) -> str:
        return guess_encoding(self._sample(), _STANDARD)


def _declared(name: bytes, field: bytes | None) -> str | None:
    """Return the name in the Unicode field, unless it is of another name or damaged."""
    if field is None or len(field) < _UNICODE_HEAD.size:
        return None
    version, checksum = _UNICODE_HEAD.unpack_from(field)
    if version != 1 or checksum != zlib.crc32(name):
        return None
    text = field[_UNICODE_HEAD.size :]
    return text.decode() if is_utf8(text) else None
