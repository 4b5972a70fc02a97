"""The body of a file in a zip: found by its own header, unpacked, held against its checksum."""

from __future__ import annotations

import struct
import zlib

from common.errors import ArchiveTooLarge, TruncatedImage
from worker.archives.inflater import PACKED_BYTES, RAW, Inflater
from worker.archives.meter import Meter
from worker.archives.zip.directory import ZipRecord
from worker.archives.zip.source import ZipSource

# Section 4.3.7 of APPNOTE.TXT: the header before a file's bytes; a name and extra fields follow.
_HEADER = struct.Struct("<4s5H3L2H")
_HEADER_SIGNATURE = b"PK\x03\x04"

# How often the bytes of a zip may be read, on average. Files that lie side by side are read once; a
# second time is for damage, by which one file may seem to reach over the others.
_READS_MAX = 2

# Section 4.4.5: the two ways of compression that are unpacked.
STORED, DEFLATED = 0, 8


class ZipBody:
    """The bytes of one file; where they cannot be read, the others still can.

    Its checksum is seen at its end, after all its bytes were handed out.

    Args:
        source: The zip.
        record: Which file.
        meter: Counts what is read and what comes out.
    """

    def __init__(self, source: ZipSource, record: ZipRecord, meter: Meter) -> None:
        self._packed = _Packed(source, record, meter)
        self._inflater = Inflater(self._packed.read, RAW) if record.method == DEFLATED else None
        self._meter = meter
        self._expected_crc32 = record.crc32
        self._crc32 = 0
        self._failed = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            TruncatedImage: The file breaks off or is damaged.
            ArchiveTooLarge: The archive ends here.
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
        except (EOFError, zlib.error):
            self._failed = True
            return b""
        self._crc32 = zlib.crc32(data, self._crc32)
        self._failed = not data and self._crc32 != self._expected_crc32
        return data


class _Packed:
    """The bytes of one file as they lie in the zip."""

    def __init__(self, source: ZipSource, record: ZipRecord, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._header_position = record.position
        self._position: int | None = None
        self._left = record.packed_bytes

    def read(self, size: int = PACKED_BYTES) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            EOFError: There are none where there should be some.
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
            raise ArchiveTooLarge("Files of the zip share their bytes; send them one by one.")
        return data

    def _begin(self) -> int:
        header = self._source.read_at(self._header_position, _HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_HEADER_SIGNATURE):
            raise EOFError
        name_bytes, extra_bytes = _HEADER.unpack(header)[-2:]
        return self._header_position + _HEADER.size + int(name_bytes) + int(extra_bytes)
