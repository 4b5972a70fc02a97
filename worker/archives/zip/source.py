"""The file of a zip, read at the places that its directory names, which may be any number."""

from __future__ import annotations

from typing import BinaryIO


class ZipSource:
    """Reads a seekable file at any place; what lies outside of it has no bytes.

    Args:
        file: The archive.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def read_at(self, position: int, size: int) -> bytes:
        """Return ``size`` bytes from a place on, or fewer where the file ends."""
        if not 0 <= position < self.size:
            return b""
        self._file.seek(position)
        return self._file.read(size)
