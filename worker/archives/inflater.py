"""Decompresses a stream piece by piece, never more at a time than requested."""

from __future__ import annotations

from collections.abc import Callable

from worker.archives.decompressors import ERRORS, Decompressor

# Compressed bytes read from a file at a time; they may expand a thousandfold, piece by piece.
PACKED_BYTES = 32 * 1024


class DamagedStream(Exception):
    """A stream cannot be decompressed any further; its cause is the decompressor's error."""


class Inflater:
    """Decompresses one stream from a source of compressed bytes.

    Args:
        read_packed: Returns the next compressed bytes, none at the end.
        stream: Decompresses them.
        packed: Compressed bytes already read.
    """

    def __init__(
        self, read_packed: Callable[[], bytes], stream: Decompressor, packed: bytes = b""
    ) -> None:
        self._read_packed = read_packed
        self._stream = stream
        self._packed = packed
        self._damage: DamagedStream | None = None

    @property
    def rest(self) -> bytes:
        """The bytes read after the end of the stream."""
        return self._stream.unused_data

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            EOFError: The stream is truncated.
            DamagedStream: The stream is damaged, or needs too much memory.
        """
        if self._damage is not None:
            raise self._damage
        while not self._stream.eof:
            is_hungry = self._stream.needs_input
            packed = (self._packed or self._read_packed()) if is_hungry else b""
            if is_hungry:
                self._packed = b""
            try:
                data = self._stream.decompress(packed, size)
            except ERRORS as error:
                self._damage = DamagedStream(str(error))
                raise self._damage from error
            if data:
                return data
            # zlib may return buffered bytes after the end of the input, so check only now.
            if is_hungry and not packed and not self._stream.eof:
                raise EOFError
        return b""
