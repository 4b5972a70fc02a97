"""Bodies of files in a zip: located by the local header, unpacked and verified by checksum."""

from __future__ import annotations

import struct
import zlib

from common.errors import ArchiveTooLarge, TruncatedImage
from worker.archives.decompressors import Deflate
from worker.archives.inflater import PACKED_BYTES, DamagedStream, Inflater
from worker.archives.meter import Meter
from worker.archives.zip.directory import ZipRecord
from worker.archives.zip.source import ZipSource

# Section 4.3.7 of APPNOTE.TXT: a file's local header; its name and extra fields follow.
_HEADER = struct.Struct("<4s5H3L2H")
_HEADER_SIGNATURE = b"PK\x03\x04"

# Maximum average number of times that a zip's bytes are read. Files that do not overlap are read
# once; twice allows for damage that makes one file seem to overlap the others.
_READS_MAX = 2

# Section 4.4.5: the two supported compression methods.
STORED, DEFLATED = 0, 8


class ZipBody:
    """The bytes of one file; if they cannot be read, the other files still can.

    The checksum is verified at the end, after all bytes have been returned.

    Args:
        source: The zip.
        record: The file's record.
        meter: Counts packed and unpacked bytes.
    """

    def __init__(self, source: ZipSource, record: ZipRecord, meter: Meter) -> None:
        self._packed = _Packed(source, record, meter)
        self._inflater = (
            Inflater(self._packed.read, Deflate()) if record.method == DEFLATED else None
        )
        self._meter = meter
        self._expected_crc32 = record.crc32
        self._crc32 = 0
        self._failed = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            TruncatedImage: The file is truncated or damaged.
            ArchiveTooLarge: The archive exceeds its limits and cannot be read any further.
        """
        if not self._failed:
            data = self._unpack(self._meter.clamp(size))
        if self._failed:
            raise TruncatedImage("The file is damaged in the zip; pack it again.")
        self._meter.count_unpacked(len(data))
        return data

    def _unpack(self, size: int) -> bytes:
        unpack = self._packed.read if self._inflater is None else self._inflater.read
        try:
            data = unpack(size)
        except (EOFError, DamagedStream):
            self._failed = True
            return b""
        self._crc32 = zlib.crc32(data, self._crc32)
        self._failed = not data and self._crc32 != self._expected_crc32
        return data


class _Packed:
    """The compressed bytes of one file."""

    def __init__(self, source: ZipSource, record: ZipRecord, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._header_position = record.position
        self._position: int | None = None
        self._left = record.packed_bytes

    def read(self, size: int = PACKED_BYTES) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            EOFError: Bytes are missing.
        """
        if self._position is None:
            self._position = self._begin()
        data = self._source.read_at(self._position, min(size, self._left))
        if self._left and not data:
            raise EOFError
        self._position += len(data)
        self._left -= len(data)
        self._meter.count_packed(len(data))
        if self._meter.packed_bytes > _READS_MAX * self._source.size:
            raise ArchiveTooLarge("Files in the zip share bytes; upload them individually.")
        return data

    def _begin(self) -> int:
        header = self._source.read_at(self._header_position, _HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_HEADER_SIGNATURE):
            raise EOFError
        name_bytes, extra_bytes = _HEADER.unpack(header)[-2:]
        return self._header_position + _HEADER.size + int(name_bytes) + int(extra_bytes)
