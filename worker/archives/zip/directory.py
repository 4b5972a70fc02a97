"""The central directory of a zip: records at its end that locate the files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from common.errors import ArchiveBroken, ArchiveUnsupported
from worker.archives.encodings import is_utf8
from worker.archives.meter import Meter
from worker.archives.zip.names import UNICODE_FIELD, Names
from worker.archives.zip.source import ZipSource

# Layouts from PKWARE's APPNOTE.TXT 6.3.10. Section 4.3.16: the end record.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
# Maximum bytes of the comment that may follow the end record.
_COMMENT_BYTES_MAX = 0xFFFF

# Section 4.3.15: locates the zip64 end record; directly before the end record.
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
# Section 4.3.14: the zip64 end record.
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LARGE_END_SIGNATURE = b"PK\x06\x06"

# Section 4.3.12: a record of the directory; a name, extra fields and a comment follow it.
_RECORD = struct.Struct("<4s6H3L5H2L")
_RECORD_SIGNATURE = b"PK\x01\x02"

# Section 4.5.3: the zip64 extra field with the numbers that do not fit into a record, and the
# placeholder for them in the record.
_LARGE_FIELD, _TOO_LARGE = 0x0001, 0xFFFFFFFF
# Records whose names are read ahead to guess the encoding of all names.
_SAMPLE_RECORDS = 1000


@dataclass(frozen=True, slots=True)
class ZipRecord:
    """One file's record in the directory."""

    name: str
    flags: int
    # Number of its compression method.
    method: int
    crc32: int
    packed_bytes: int
    # Position of the file's local header.
    position: int
    # Number of the system on which it was packed, which defines the attributes.
    system: int
    attributes: int


class _Raw(NamedTuple):
    """A record as stored: its numbers, and what follows them."""

    fields: tuple[Any, ...]
    name: bytes
    extra: bytes


@dataclass(frozen=True, slots=True)
class _Directory:
    start: int
    end: int
    # Declared number of records.
    entries: int
    # Offset to add to all positions, because of data prepended to the zip.
    shift: int


def read_records(source: ZipSource, meter: Meter) -> Iterator[ZipRecord]:
    """Yield the records of a zip, with only one in memory at a time.

    ``zipfile`` is not used (decision 0007): it first reads the whole directory,
    of any size, and rejects all of it for one bad record.

    Raises:
        ArchiveBroken: There is no directory, or it is damaged.
        ArchiveUnsupported: The zip is part of a multi-part zip.
        ArchiveTooLarge: It has, or declares, too many entries.
    """
    directory = _find(source)
    meter.check_entries(directory.entries)
    names = Names(partial(_foreign_names, source, directory))
    for raw in _read(source, directory):
        meter.count_entry()
        yield _record(raw, names, directory.shift)


def _read(source: ZipSource, directory: _Directory) -> Iterator[_Raw]:
    position = directory.start
    while position < directory.end:
        fields = _unpack(source, position, _RECORD, _RECORD_SIGNATURE)
        name_bytes, extra_bytes, comment_bytes = fields[10:13]
        position += _RECORD.size
        tail = source.read_at(position, name_bytes + extra_bytes)
        yield _Raw(fields, tail[:name_bytes], tail[name_bytes:])
        position += name_bytes + extra_bytes + comment_bytes


def _foreign_names(source: ZipSource, directory: _Directory) -> Iterator[bytes]:
    """Yield names that are not in UTF-8, from the first records."""
    # If the directory is damaged further on, reading it raises the error again.
    with suppress(ArchiveBroken):
        for raw in islice(_read(source, directory), _SAMPLE_RECORDS):
            if not is_utf8(raw.name):
                yield raw.name


def _find(source: ZipSource) -> _Directory:
    position = _end_position(source)
    fields = _unpack(source, position, _END, _END_SIGNATURE)
    _, disk, start_disk, _, entries, size, offset, _ = fields
    large = _large_end(source, position)
    if large is not None:
        position, (_, _, _, _, disk, start_disk, _, entries, size, offset) = large
    if disk or start_disk:
        raise ArchiveUnsupported("The zip is split into several files; pack it as one.")
    start = position - size
    if start < 0:
        raise _broken()
    return _Directory(start, position, entries, shift=start - offset)


def _end_position(source: ZipSource) -> int:
    """Find the end record: the candidate whose comment ends closest to the end of the file."""
    start = max(0, source.size - _END.size - _COMMENT_BYTES_MAX)
    tail = source.read_at(start, source.size - start)
    best, least = -1, len(tail) + 1
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        left = len(tail) - at - _END.size
        left -= int.from_bytes(tail[at + 20 : at + 22], "little") if left >= 0 else 0
        if 0 <= left < least:
            best, least = at, left
        at = tail.rfind(_END_SIGNATURE, 0, at)
    if best < 0:
        raise ArchiveBroken("The zip is truncated: its end is missing; upload it again.")
    return start + best


def _large_end(source: ZipSource, end: int) -> tuple[int, tuple[Any, ...]] | None:
    """Return the zip64 end record and its position, if there is one."""
    locator = source.read_at(end - _LOCATOR.size, _LOCATOR.size)
    if not locator.startswith(_LOCATOR_SIGNATURE):
        return None
    # It is directly before the locator, unless a later version has extended it.
    position = end - _LOCATOR.size - _LARGE_END.size
    if not source.read_at(position, _LARGE_END.size).startswith(_LARGE_END_SIGNATURE):
        position = _LOCATOR.unpack(locator)[2]
    return position, _unpack(source, position, _LARGE_END, _LARGE_END_SIGNATURE)


def _unpack(
    source: ZipSource, position: int, layout: struct.Struct, signature: bytes
) -> tuple[Any, ...]:
    data = source.read_at(position, layout.size)
    if len(data) < layout.size or not data.startswith(signature):
        raise _broken()
    return layout.unpack(data)


def _record(raw: _Raw, names: Names, shift: int) -> ZipRecord:
    _, made_by, _, flags, method, _, _, crc32, packed, unpacked, *_, attributes, offset = raw.fields
    extra = _extra_fields(raw.extra)
    large = iter(_numbers(extra.get(_LARGE_FIELD, b"")))
    # The extra field has the numbers that are missing here, in this order. If one is missing
    # there too, its placeholder points outside the file, and only this entry fails.
    _, packed, offset = [
        next(large, number) if number == _TOO_LARGE else number
        for number in (unpacked, packed, offset)
    ]
    return ZipRecord(
        name=names.decode(raw.name, flags, extra.get(UNICODE_FIELD)),
        flags=flags,
        method=method,
        crc32=crc32,
        packed_bytes=packed,
        position=offset + shift,
        system=made_by >> 8,
        attributes=attributes,
    )


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    """Return the data of the extra fields by number; of repeated ones, the first."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        field, size = struct.unpack_from("<2H", extra, position)
        position += 4
        found.setdefault(field, extra[position : position + size])
        position += size
    return found


def _numbers(field: bytes) -> tuple[int, ...]:
    return struct.unpack_from(f"<{len(field) // 8}Q", field)


def _broken() -> ArchiveBroken:
    return ArchiveBroken("The zip's directory is damaged; pack it again.")
