"""Decompresses a stream piece by piece, never more at a time than requested."""

from __future__ import annotations

import zlib
from collections.abc import Callable

# Compressed bytes read from a file at a time; they may expand a thousandfold, piece by piece.
PACKED_BYTES = 32 * 1024

# zlib's value for a deflate stream without a wrapper, as in a zip.
RAW = -zlib.MAX_WBITS
# zlib's value for a gzip member, whose header it reads and whose checksum it verifies.
GZIP = zlib.MAX_WBITS + 16


class Inflater:
    """Decompresses one deflate stream.

    Args:
        read_packed: Returns the next compressed bytes, none at the end.
        wrapper: ``RAW`` or ``GZIP``.
        packed: Compressed bytes already read.
    """

    def __init__(self, read_packed: Callable[[], bytes], wrapper: int, packed: bytes = b"") -> None:
        self._read_packed = read_packed
        self._stream = zlib.decompressobj(wrapper)
        # Compressed bytes not used yet; after the stream's end, the bytes that follow it.
        self.packed = packed

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            zlib.error: The stream is damaged.
            EOFError: The stream is truncated.
        """
        while not self._stream.eof:
            packed = self.packed or self._read_packed()
            data = self._stream.decompress(packed, size)
            ended = self._stream.eof
            self.packed = self._stream.unused_data if ended else self._stream.unconsumed_tail
            if data:
                return data
            # zlib may return buffered bytes after the end of the input, so check only now.
            if not packed and not ended:
                raise EOFError
        return b""
