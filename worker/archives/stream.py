"""Streams: the bytes of a tar, plain or decompressed, counted by a meter."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Protocol

from common.errors import ArchiveBroken
from worker.archives.inflater import GZIP, PACKED_BYTES, Inflater
from worker.archives.meter import Meter

# Bytes decompressed at a time: many tar headers at once, since each call has a fixed cost.
_PIECE_BYTES = 64 * 1024

# First bytes of every member of a gzip file.
_GZIP_MAGIC = b"\x1f\x8b"


class Stream(Protocol):
    """Bytes that can be read once, sequentially."""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ArchiveError: The archive cannot be read any further.
        """
        ...


class PlainStream:
    """The bytes of an uncompressed file.

    Args:
        file: The archive.
        meter: Counts the bytes.
    """

    def __init__(self, file: BinaryIO, meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end."""
        data = self._file.read(self._meter.clamp(size))
        self._meter.count_packed(len(data))
        self._meter.count_unpacked(len(data))
        return data


class GzipStream:
    """The decompressed bytes of a gzip file, which may have several members.

    Each member counts as an entry of the archive, since a file may contain millions
    of members of a few bytes.

    Args:
        file: The archive.
        meter: Counts packed and unpacked bytes.
    """

    def __init__(self, file: BinaryIO, meter: Meter) -> None:
        self._file = file
        self._meter = meter
        self._inflater = Inflater(self._read_packed, GZIP)
        self._ended = False
        # The current piece of decompressed bytes, and how many of them have been returned.
        self._piece, self._used = b"", 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end."""
        if self._used == len(self._piece):
            self._piece, self._used = self._next_piece(), 0
        data = self._piece[self._used : self._used + size]
        self._used += len(data)
        return data

    def _next_piece(self) -> bytes:
        while not self._ended:
            piece = self._inflate()
            if piece:
                self._meter.count_unpacked(len(piece))
                return piece
            self._begin_member()
        return b""

    def _inflate(self) -> bytes:
        try:
            return self._inflater.read(self._meter.clamp(_PIECE_BYTES))
        except EOFError:
            raise ArchiveBroken("The gzip file is truncated; upload it again.") from None
        except zlib.error as error:
            raise ArchiveBroken("The gzip file is damaged; upload it again.") from error

    def _begin_member(self) -> None:
        # The file may be padded with zeros; other trailing data is ignored, as gzip does.
        rest = self._inflater.packed.lstrip(b"\x00")
        while len(rest) < len(_GZIP_MAGIC) and (packed := self._read_packed()):
            rest = (rest + packed).lstrip(b"\x00")
        self._ended = not rest.startswith(_GZIP_MAGIC)
        if not self._ended:
            self._meter.count_entry()
            self._inflater = Inflater(self._read_packed, GZIP, rest)

    def _read_packed(self) -> bytes:
        packed = self._file.read(PACKED_BYTES)
        self._meter.count_packed(len(packed))
        return packed
