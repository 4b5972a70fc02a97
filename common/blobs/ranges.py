"""A blob in an object store as a file that can be read and searched: by ranges of bytes."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Blocks held in memory. Two places of a zip are read in turns: its directory, and its files.
_BLOCKS = 3

# Returns the bytes from a position on, at most as many as given.
Fetch = Callable[[int, int], bytes]


class RangeReader(io.RawIOBase):
    """Reads a blob in blocks, and holds the start and the last few of them in memory.

    Args:
        fetch: Returns the bytes of a range.
        start: The first bytes of the blob.
        size: Bytes of the whole blob.
        block_bytes: Bytes to fetch at a time.
    """

    def __init__(self, fetch: Fetch, start: bytes, size: int, block_bytes: int) -> None:
        self._fetch = fetch
        self._size = size
        self._block_bytes = block_bytes
        self._start = start
        # By the position of their first byte, the last one used at the end.
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, without reading; return it."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if begin + offset < 0:
            raise ValueError("A position cannot be negative.")
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read the next bytes; return how many.

        Raises:
            BlobsUnavailable: They cannot be read.
        """
        target = memoryview(buffer).cast("B")
        if self._at >= self._size or not target.nbytes:
            return 0
        found = self._from(self._at)[: target.nbytes]
        target[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _from(self, position: int) -> memoryview:
        """Return the bytes from a position to the end of its block."""
        if position < len(self._start):
            return memoryview(self._start)[position:]
        first = position - position % self._block_bytes
        if first not in self._blocks:
            self._blocks[first] = self._fetch(first, self._block_bytes)
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(first)
        return memoryview(self._blocks[first])[position - first :]
