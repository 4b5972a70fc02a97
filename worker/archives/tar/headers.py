"""Headers of a tar: blocks of 512 bytes that say what follows them."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

from common.errors import ArchiveBroken, ArchiveError, ArchiveTooLarge, ArchiveUnsupported
from worker.archives.meter import Meter
from worker.archives.stream import Stream
from worker.archives.tar.data import TarData, read_block
from worker.archives.tar.pax import PaxHeader, parse_pax

# Bytes of an extended header, at most. A path has some thousand; attributes may lie beside it.
EXTENDED_BYTES_MAX = 1024**2

# Types of headers that say more of the entry after them.
_LONG_NAME = (tarfile.GNUTYPE_LONGNAME,)
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
# Nothing in these matters here: where a link leads, and what is said of all entries at once.
_PASSED_OVER = (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)

# Types without bytes, whatever size their headers say.
_BARE = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)

# Where the header of a sparse file, and where each block after it, says that one more follows.
_SPARSE_MORE, _SPARSE_MORE_AFTER = 482, 504

_ZEROS = bytes(tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class TarHeader:
    """One entry, with all that was said of it."""

    name: str
    # One of the types of ``tarfile``.
    type: bytes
    # Bytes that follow in the archive.
    size: int
    # These bytes are a file without its holes.
    sparse: bool

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file; in old tars a folder is a file with a slash."""
        if self.type == tarfile.AREGTYPE:
            return not self.name.endswith("/")
        return self.type in tarfile.REGULAR_TYPES


class TarHeaders:
    """Reads the headers of a tar, one by one.

    ``tarfile`` parses their blocks, and no more (decision 0007): its readers take
    a header of any size into memory and a damaged one for the end of the tar.

    Args:
        stream: The tar; before each call it stands behind the bytes of an entry.
        meter: Counts every header.
    """

    def __init__(self, stream: Stream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._begun = False

    def next(self) -> TarHeader | None:
        """Return the next entry, or None at the end.

        Raises:
            ArchiveUnsupported: This is no tar.
            ArchiveBroken: The tar breaks off or is damaged.
            ArchiveTooLarge: There are too many headers, or one of them is too large.
        """
        said = PaxHeader()
        while (info := self._next_block()) is not None:
            if info.type in _LONG_NAME:
                name = self._extended(info).partition(b"\x00")[0]
                said = said.then(PaxHeader(name=name.decode(errors="replace")))
            elif info.type in _PAX:
                said = said.then(parse_pax(self._extended(info)))
            elif info.type in _PASSED_OVER:
                TarData(self._stream, info.size).skip()
            else:
                return _entry(info, said)
        return None

    def _next_block(self) -> tarfile.TarInfo | None:
        block, ended = read_block(self._stream), False
        # Zeros are the end; but tars that were put one behind the other go on after it.
        while block == _ZEROS:
            block, ended = read_block(self._stream), True
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
        except tarfile.HeaderError:
            if not ended:
                raise self._no_header(block) from None
            self._drain()
            return None
        self._begun = True
        self._meter.count_entry()
        if info.size < 0:
            raise self._no_header(block)
        if info.isdir() and block[156:157] == tarfile.AREGTYPE:
            # A folder of an old tar, or a file whose long name is cut off at a slash here.
            info.type, info.name = tarfile.AREGTYPE, info.name + "/"
        if info.type == tarfile.GNUTYPE_SPARSE:
            self._pass_map(block)
        return info

    def _pass_map(self, header: bytes) -> None:
        """Pass over the blocks that say where the parts of a sparse file belong."""
        more = header[_SPARSE_MORE]
        while more:
            block = read_block(self._stream)
            if len(block) < tarfile.BLOCKSIZE:
                raise self._no_header(block)
            more = block[_SPARSE_MORE_AFTER]

    def _extended(self, info: tarfile.TarInfo) -> bytes:
        if info.size > EXTENDED_BYTES_MAX:
            raise ArchiveTooLarge(
                f"A header of the tar has {info.size} bytes, at most {EXTENDED_BYTES_MAX} are "
                "read; pack the pictures without extended attributes."
            )
        data = TarData(self._stream, info.size)
        body = bytearray()
        while part := data.read(EXTENDED_BYTES_MAX):
            body += part
        data.skip()
        return bytes(body)

    def _no_header(self, block: bytes) -> ArchiveError:
        if not self._begun:
            return ArchiveUnsupported("There is no tar in it; pack the pictures as tar.gz or zip.")
        if len(block) < tarfile.BLOCKSIZE:
            return ArchiveBroken("The tar breaks off before its end; send it again.")
        return ArchiveBroken("The tar is damaged: a header is none; pack it again.")

    def _drain(self) -> None:
        """Read on to the end, where gzip has a checksum of all that was before."""
        while self._stream.read(EXTENDED_BYTES_MAX):
            pass


def _entry(info: tarfile.TarInfo, said: PaxHeader) -> TarHeader:
    size = info.size if said.size is None else said.size
    return TarHeader(
        name=said.name or info.name,
        type=info.type,
        size=0 if info.type in _BARE else size,
        sparse=said.sparse or info.type == tarfile.GNUTYPE_SPARSE,
    )
