"""Tars: reads their entries sequentially from a stream."""

from __future__ import annotations

from collections.abc import Iterator

from common.errors import UnsupportedFormat
from common.images.archive_formats import ArchiveKind
from worker.archives.entry import Entry, Unreadable
from worker.archives.meter import Meter
from worker.archives.stream import PackedStream, PlainStream, Readable, Stream
from worker.archives.tar.data import TarData
from worker.archives.tar.headers import TarHeaders


def read_tar(file: Readable, meter: Meter) -> Iterator[Entry]:
    """Yield the files and links of a tar; each must be read before the next is requested.

    Raises:
        ArchiveError: The archive cannot be read any further.
    """
    return _entries(PlainStream(file, meter), meter)


def read_packed_tar(kind: ArchiveKind, file: Readable, meter: Meter) -> Iterator[Entry]:
    """Yield the files and links of a compressed tar; see ``read_tar``."""
    return _entries(PackedStream(file, meter, kind), meter)


def _entries(stream: Stream, meter: Meter) -> Iterator[Entry]:
    headers = TarHeaders(stream, meter)
    while (header := headers.next()) is not None:
        data = TarData(stream, header.size)
        if header.is_file:
            yield Entry(header.name, _sparse() if header.sparse else data)
        elif header.is_link:
            yield Entry(header.name, None)
        data.skip()


def _sparse() -> Unreadable:
    # Its holes may have any size, and pictures have none.
    return Unreadable(UnsupportedFormat("The file is sparse; pack it without `--sparse`."))
