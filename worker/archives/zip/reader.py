"""Zips: reads their files in the order of the directory."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import BinaryIO

from common.errors import UnsupportedFormat
from worker.archives.entry import Body, Entry, Unreadable
from worker.archives.meter import Meter
from worker.archives.zip.body import DEFLATED, STORED, ZipBody
from worker.archives.zip.directory import ZipRecord, read_records
from worker.archives.zip.source import ZipSource

# Section 4.4.4 of APPNOTE.TXT: flags of files that are encrypted or patches.
_CLOSED_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000

# Section 4.4.2.2: systems whose attributes contain a Unix mode: Unix and macOS.
_UNIX_SYSTEMS = (3, 19)

# The MS-DOS attribute of folders, set by all systems.
_FOLDER_ATTRIBUTE = 0x10


def read_zip(file: BinaryIO, meter: Meter) -> Iterator[Entry]:
    """Yield the files and links of a zip.

    Raises:
        ArchiveError: The archive cannot be read any further.
    """
    source = ZipSource(file)
    for record in read_records(source, meter):
        if not _is_folder(record):
            yield Entry(record.name, _body(source, record, meter) if _is_file(record) else None)


def _is_folder(record: ZipRecord) -> bool:
    return record.name.endswith(("/", "\\")) or bool(record.attributes & _FOLDER_ATTRIBUTE)


def _is_file(record: ZipRecord) -> bool:
    kind = stat.S_IFMT(record.attributes >> 16)
    return record.system not in _UNIX_SYSTEMS or kind in {0, stat.S_IFREG}


def _body(source: ZipSource, record: ZipRecord, meter: Meter) -> Body:
    if record.flags & _CLOSED_FLAGS:
        return _unsupported("The file is encrypted; pack the pictures without a password.")
    # Python can unpack other methods, but without a bound on memory (decision 0007).
    if record.method not in {STORED, DEFLATED}:
        return _unsupported(
            f"Compression method {record.method} is not supported; pack the pictures with Deflate."
        )
    return ZipBody(source, record, meter)


def _unsupported(detail: str) -> Unreadable:
    return Unreadable(UnsupportedFormat(detail))
