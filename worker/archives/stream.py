"""Streams: the bytes of a tar, plain or decompressed, counted by a meter."""

from __future__ import annotations

from typing import Protocol

from common.errors import ArchiveBroken, ArchiveUnsupported
from common.images.archive_formats import SIGNATURES, ArchiveKind
from worker.archives.decompressors import DECOMPRESSORS, MEMORY_BYTES_MAX, needs_memory
from worker.archives.inflater import PACKED_BYTES, DamagedStream, Inflater
from worker.archives.meter import Meter

# Bytes decompressed at a time: many tar headers at once, since each call has a fixed cost.
_PIECE_BYTES = 64 * 1024

_SIGNATURE_BYTES_MAX = max(len(start) for start, _ in SIGNATURES)


class Readable(Protocol):
    """A file that is read once, sequentially."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end."""
        ...


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

    def __init__(self, file: Readable, meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end."""
        data = self._file.read(self._meter.clamp(size))
        self._meter.count_packed(len(data))
        self._meter.count_unpacked(len(data))
        return data


class PackedStream:
    """The decompressed bytes of a file, which may consist of several streams.

    Each stream counts as an entry of the archive, since a file may contain millions
    of streams of a few bytes.

    Args:
        file: The archive.
        meter: Counts packed and unpacked bytes.
        kind: How the file is compressed.
    """

    def __init__(self, file: Readable, meter: Meter, kind: ArchiveKind) -> None:
        self._file = file
        self._meter = meter
        self._kind = kind
        self._begin = DECOMPRESSORS[kind]
        self._signatures = tuple(start for start, its_kind in SIGNATURES if its_kind == kind)
        self._inflater = Inflater(self._read_packed, self._begin())
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
            self._begin_stream()
        return b""

    def _inflate(self) -> bytes:
        try:
            return self._inflater.read(self._meter.clamp(_PIECE_BYTES))
        except EOFError:
            raise ArchiveBroken(f"The {self._kind} file is truncated; upload it again.") from None
        except DamagedStream as error:
            if needs_memory(error.__cause__):
                raise ArchiveUnsupported(
                    f"Unpacking the {self._kind} file needs more than "
                    f"{MEMORY_BYTES_MAX // 1024**2} MiB of memory; pack it with a smaller "
                    "dictionary or window, as by default."
                ) from error
            raise ArchiveBroken(f"The {self._kind} file is damaged; upload it again.") from error

    def _begin_stream(self) -> None:
        # The file may be padded with zeros; other trailing data is ignored, as gzip does.
        rest = self._inflater.rest.lstrip(b"\x00")
        while len(rest) < _SIGNATURE_BYTES_MAX and (packed := self._read_packed()):
            rest = (rest + packed).lstrip(b"\x00")
        self._ended = not rest.startswith(self._signatures)
        if not self._ended:
            self._meter.count_entry()
            self._inflater = Inflater(self._read_packed, self._begin(), rest)

    def _read_packed(self) -> bytes:
        packed = self._file.read(PACKED_BYTES)
        self._meter.count_packed(len(packed))
        return packed
