"""Inflating: a compressed stream, piece by piece, never more at a time than was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable

# Compressed bytes read from a file at a time: a thousandfold of it may come out, piece by piece.
PACKED_BYTES = 32 * 1024

# zlib's name for a deflate stream without a wrapper, as in a zip.
RAW = -zlib.MAX_WBITS
# zlib's name for a gzip member: its header is read and its checksum held against the bytes.
GZIP = zlib.MAX_WBITS + 16


class Inflater:
    """Unpacks one deflate stream.

    Args:
        read_packed: Returns the next compressed bytes, none at the end.
        wrapper: ``RAW`` or ``GZIP``.
        packed: Compressed bytes that were read already.
    """

    def __init__(self, read_packed: Callable[[], bytes], wrapper: int, packed: bytes = b"") -> None:
        self._read_packed = read_packed
        self._stream = zlib.decompressobj(wrapper)
        # Compressed bytes that are still to be used; after the end, what follows the stream.
        self.packed = packed

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            zlib.error: The stream is damaged.
            EOFError: The stream breaks off.
        """
        while not self._stream.eof:
            packed = self.packed or self._read_packed()
            data = self._stream.decompress(packed, size)
            ended = self._stream.eof
            self.packed = self._stream.unused_data if ended else self._stream.unconsumed_tail
            if data:
                return data
            # zlib may hold bytes back when all was given to it, so only now is it clear.
            if not packed and not ended:
                raise EOFError
        return b""
