"""Data of a tar: the bytes that follow a header, filled up to whole blocks."""

from __future__ import annotations

from tarfile import BLOCKSIZE

from common.errors import ArchiveBroken
from worker.archives.stream import Stream

# Bytes read at a time of what nobody wants.
_SKIP_BYTES = 256 * 1024


class TarData:
    """The bytes of one entry.

    Args:
        stream: The tar, at the first of them.
        size: How many there are.
    """

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCKSIZE

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ArchiveError: The archive ends here.
        """
        if not self._left:
            return b""
        data = self._stream.read(min(size, self._left))
        if not data:
            raise ArchiveBroken("The tar breaks off in the middle of a file; send it again.")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Go on to the next header; raises as ``read`` does."""
        self._left, self._padding = self._left + self._padding, 0
        while self.read(_SKIP_BYTES):
            pass


def read_block(stream: Stream) -> bytes:
    """Return the next block, or fewer bytes where the tar breaks off."""
    block = stream.read(BLOCKSIZE)
    while len(block) < BLOCKSIZE and (data := stream.read(BLOCKSIZE - len(block))):
        block += data
    return block
