"""Archives within an archive: files to read them from, and what fails with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from common.errors import (
    ArchiveError,
    ArchiveTooLarge,
    ArchiveUnsupported,
    ImageError,
    ImageTooLarge,
    TruncatedImage,
    UnsupportedFormat,
)
from worker.archives.entry import Body

# A zip is read from its end, so one within an archive is unpacked into a temporary file first: of
# this size at most, and in memory as long as it is small.
ZIP_BYTES_MAX = 512 * 1024**2
_MEMORY_BYTES = 8 * 1024**2

# Bytes unpacked at a time.
_READ_BYTES = 256 * 1024


class InnerFile:
    """The bytes of an archive within an archive, read once and sequentially.

    Args:
        head: Its first bytes.
        body: Its other bytes.
    """

    def __init__(self, head: bytes, body: Body) -> None:
        self._head = head
        self._body = body
        # Whether the outer archive cannot be read any further.
        self.outer_failed = False

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ImageError: This archive is damaged in the outer one, which can be read further.
            ArchiveError: The outer archive cannot be read any further.
        """
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        try:
            return self._body.read(size)
        except ArchiveError:
            self.outer_failed = True
            raise

    def ends(self, error: ArchiveError) -> bool:
        """Return whether an error of this archive ends the outer one, too."""
        return self.outer_failed or isinstance(error, ArchiveTooLarge)


class InnerBody:
    """The bytes of a file in an archive within an archive, which fails without the outer one.

    Args:
        body: The bytes.
        file: The archive that contains the file.
    """

    def __init__(self, body: Body, file: InnerFile) -> None:
        self._body = body
        self._file = file

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end; raises like ``Body``."""
        try:
            return self._body.read(size)
        except ArchiveError as error:
            if self._file.ends(error):
                raise
            raise failure(error) from error


def failure(error: ArchiveError) -> ImageError:
    """Return the error of a file or an archive that fails in an archive."""
    if isinstance(error, ArchiveUnsupported):
        return UnsupportedFormat(str(error))
    return TruncatedImage(str(error))


@contextmanager
def spooled(file: InnerFile) -> Iterator[BinaryIO]:
    """Unpack a zip within an archive, for as long as the context lasts.

    Raises:
        ImageTooLarge: It has more than ``ZIP_BYTES_MAX`` bytes.
        ImageError: See ``InnerFile.read``.
        ArchiveError: See ``InnerFile.read``.
    """
    with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as spool:
        _copy(file, spool)
        spool.seek(0)
        yield cast("BinaryIO", spool)


def _copy(file: InnerFile, spool: IO[bytes]) -> None:
    size = 0
    while data := file.read(_READ_BYTES):
        size += len(data)
        if size > ZIP_BYTES_MAX:
            raise ImageTooLarge(
                f"The zip has more than {ZIP_BYTES_MAX} bytes, which is too large for a zip within "
                "an archive; upload it separately."
            )
        spool.write(data)
