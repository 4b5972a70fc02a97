"""Headers of a tar: blocks of 512 bytes that describe the data after them."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

from common.errors import ArchiveBroken, ArchiveError, ArchiveTooLarge, ArchiveUnsupported
from worker.archives.meter import Meter
from worker.archives.stream import Stream
from worker.archives.tar.data import TarData, read_block
from worker.archives.tar.names import TarNames
from worker.archives.tar.pax import PaxHeader, parse_pax

# Maximum bytes of an extended header: a path of a few thousand, and extended attributes.
EXTENDED_BYTES_MAX = 1024**2

# Types of headers that extend the header after them.
_LONG_NAME = (tarfile.GNUTYPE_LONGNAME,)
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
# Types of headers to skip: the targets of links, and defaults for all entries.
_SKIPPED = (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)

# Types without data, whatever size their headers give.
_BARE = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)

# Offsets of the flag that another map block follows: in a sparse file's header, and in each
# map block.
_SPARSE_MORE, _SPARSE_MORE_AFTER = 482, 504

_ZEROS = bytes(tarfile.BLOCKSIZE)


class NotATar(ArchiveUnsupported):
    """The bytes do not begin as a tar."""


@dataclass(frozen=True, slots=True)
class TarHeader:
    """One entry, as described by its header and extended headers."""

    name: str
    # One of the types of ``tarfile``.
    type: bytes
    # Bytes of its data in the archive.
    size: int
    # Whether its data is a sparse file without the holes.
    sparse: bool

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file; in old tars, a folder is a file whose name ends in "/"."""
        if self.type == tarfile.AREGTYPE:
            return not self.name.endswith("/")
        return self.type in tarfile.REGULAR_TYPES

    @property
    def is_link(self) -> bool:
        """Whether it is a link or a device."""
        return self.type in _BARE and self.type != tarfile.DIRTYPE


class TarHeaders:
    """Reads the headers of a tar, one by one.

    ``tarfile`` is used only to parse their blocks (decision 0007): its readers load
    headers of any size into memory, and treat a damaged one as the end of the tar.

    Args:
        stream: The tar; before each call, the previous entry's data must have been read.
        meter: Counts every header.
    """

    def __init__(self, stream: Stream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._begun = False
        self._names = TarNames()

    def next(self) -> TarHeader | None:
        """Return the next entry, or None at the end.

        Raises:
            NotATar: This is not a tar.
            ArchiveBroken: The tar is truncated or damaged.
            ArchiveTooLarge: There are too many headers, or one of them is too large.
        """
        extended = PaxHeader()
        while (info := self._next_block()) is not None:
            if info.type in _LONG_NAME:
                name = self._extended(info).partition(b"\x00")[0]
                extended = extended.then(PaxHeader(name=name.decode(errors="surrogateescape")))
            elif info.type in _PAX:
                extended = extended.then(parse_pax(self._extended(info)))
            elif info.type in _SKIPPED:
                TarData(self._stream, info.size).skip()
            else:
                return self._entry(info, extended)
        return None

    def _next_block(self) -> tarfile.TarInfo | None:
        block, ended = read_block(self._stream), False
        # A block of zeros marks the end, but concatenated tars continue after it.
        while block == _ZEROS:
            block, ended = read_block(self._stream), True
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            if not ended:
                raise self._bad_header(block) from None
            self._drain()
            return None
        self._begun = True
        self._meter.count_entry()
        if info.size < 0:
            raise self._bad_header(block)
        if info.isdir() and block[156:157] == tarfile.AREGTYPE:
            # A folder in an old tar, or a file whose long name is truncated after a slash.
            info.type, info.name = tarfile.AREGTYPE, info.name + "/"
        if info.type == tarfile.GNUTYPE_SPARSE:
            self._skip_map(block)
        return info

    def _skip_map(self, header: bytes) -> None:
        """Skip the blocks that map the parts of a sparse file."""
        more = header[_SPARSE_MORE]
        while more:
            block = read_block(self._stream)
            if len(block) < tarfile.BLOCKSIZE:
                raise self._bad_header(block)
            more = block[_SPARSE_MORE_AFTER]

    def _extended(self, info: tarfile.TarInfo) -> bytes:
        if info.size > EXTENDED_BYTES_MAX:
            raise ArchiveTooLarge(
                f"A header of the tar has {info.size} bytes; the maximum is {EXTENDED_BYTES_MAX}. "
                "Pack the pictures without extended attributes."
            )
        data = TarData(self._stream, info.size)
        body = bytearray()
        while part := data.read(EXTENDED_BYTES_MAX):
            body += part
        data.skip()
        return bytes(body)

    def _bad_header(self, block: bytes) -> ArchiveError:
        if not self._begun:
            return NotATar("The file is not a tar; pack the pictures as tar.gz or zip.")
        if len(block) < tarfile.BLOCKSIZE:
            return ArchiveBroken("The tar is truncated; upload it again.")
        return ArchiveBroken("The tar is damaged: a header is invalid; pack it again.")

    def _drain(self) -> None:
        """Read to the end, where gzip stores the checksum."""
        while self._stream.read(EXTENDED_BYTES_MAX):
            pass

    def _entry(self, info: tarfile.TarInfo, extended: PaxHeader) -> TarHeader:
        size = info.size if extended.size is None else extended.size
        return TarHeader(
            name=self._names.decode(extended.name or info.name),
            type=info.type,
            size=0 if info.type in _BARE else size,
            sparse=extended.sparse or info.type == tarfile.GNUTYPE_SPARSE,
        )
