"""Files as request bodies."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glimpse_client.errors import FileUnreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class FileBody(io.RawIOBase):
    """A file that is open only while it is being read.

    Several requests of a hundred files each may be in progress, and a process
    may have a limited number of open files. ``seek`` to the end notes the file's
    length, which the request announces; no more bytes than that are read.

    Every method raises ``FileUnreadable`` if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: io.FileIO | None = None
        self._at = 0
        self._bytes = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a request may be sent again."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position; the end is that of the file as it is now."""
        self._close_file()
        if whence == os.SEEK_END:
            with self._named():
                self._bytes = self._path.stat().st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._bytes}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes into a buffer and return their number."""
        view = memoryview(buffer).cast("B")[: max(self._bytes - self._at, 0)]
        if not view:
            self._close_file()
            return 0
        with self._named():
            if self._file is None:
                self._file = io.FileIO(self._path)
                self._file.seek(self._at)
            count = self._file.readinto(view)
        if not count:
            raise FileUnreadable(self._path, "The file became shorter during the upload.")
        self._at += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._close_file()
        super().close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileUnreadable(self._path, error.strerror or str(error)) from error
