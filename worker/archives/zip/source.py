"""Random access to the file of a zip, safe for any position that its directory gives."""

from __future__ import annotations

from typing import BinaryIO


class ZipSource:
    """Reads a seekable file at any position; positions outside of it have no bytes.

    Args:
        file: The archive.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def read_at(self, position: int, size: int) -> bytes:
        """Return ``size`` bytes from a position, or fewer at the end of the file."""
        if not 0 <= position < self.size:
            return b""
        self._file.seek(position)
        return self._file.read(size)
