"""Tars: reads their entries sequentially from a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from common.errors import UnsupportedFormat
from worker.archives.entry import Entry, Unreadable
from worker.archives.meter import Meter
from worker.archives.stream import GzipStream, PlainStream, Stream
from worker.archives.tar.data import TarData
from worker.archives.tar.headers import TarHeaders


def read_tar(file: BinaryIO, meter: Meter) -> Iterator[Entry]:
    """Yield the regular files of a tar; each must be read before the next is requested.

    Raises:
        ArchiveError: The archive cannot be read any further.
    """
    return _entries(PlainStream(file, meter), meter)


def read_tar_gz(file: BinaryIO, meter: Meter) -> Iterator[Entry]:
    """Yield the regular files of a gzip-compressed tar; see ``read_tar``."""
    return _entries(GzipStream(file, meter), meter)


def _entries(stream: Stream, meter: Meter) -> Iterator[Entry]:
    headers = TarHeaders(stream, meter)
    while (header := headers.next()) is not None:
        data = TarData(stream, header.size)
        if header.is_file:
            yield Entry(header.name, _sparse() if header.sparse else data)
        data.skip()


def _sparse() -> Unreadable:
    # Its holes may have any size, and pictures have none.
    return Unreadable(UnsupportedFormat("The file is sparse; pack it without `--sparse`."))
