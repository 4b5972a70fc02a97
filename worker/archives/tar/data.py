"""Data of a tar: the bytes after a header, padded to whole blocks."""

from __future__ import annotations

from tarfile import BLOCKSIZE

from common.errors import ArchiveBroken
from worker.archives.stream import Stream

# Bytes read at a time when skipping.
_SKIP_BYTES = 256 * 1024


class TarData:
    """The bytes of one entry.

    Args:
        stream: The tar, at the first of these bytes.
        size: The number of bytes.
    """

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCKSIZE

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ArchiveError: The archive cannot be read any further.
        """
        if not self._left:
            return b""
        data = self._stream.read(min(size, self._left))
        if not data:
            raise ArchiveBroken("The tar is truncated in the middle of a file; upload it again.")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Skip to the next header; raises the same errors as ``read``."""
        self._left, self._padding = self._left + self._padding, 0
        while self.read(_SKIP_BYTES):
            pass


def read_block(stream: Stream) -> bytes:
    """Return the next block, or fewer bytes if the tar ends within it."""
    block = stream.read(BLOCKSIZE)
    while len(block) < BLOCKSIZE and (data := stream.read(BLOCKSIZE - len(block))):
        block += data
    return block
