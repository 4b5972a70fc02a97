"""Files on their way to the server."""

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
    """A file that is opened when it is read, and let go at its end.

    A request carries a hundred files and there are several at once, but a
    process may hold only so many open. No more is read than the file had when
    its length was last asked for, because that is what the request announces.

    Every method raises ``FileUnreadable`` where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: io.FileIO | None = None
        self._at = 0
        self._bytes = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read again."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere; the end is where the file ends now."""
        self._let_go()
        if whence == os.SEEK_END:
            with self._named():
                self._bytes = self._path.stat().st_size
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._bytes}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes into a buffer and return how many there were."""
        view = memoryview(buffer).cast("B")[: max(self._bytes - self._at, 0)]
        if not view:
            self._let_go()
            return 0
        with self._named():
            if self._file is None:
                self._file = io.FileIO(self._path)
                self._file.seek(self._at)
            count = self._file.readinto(view)
        if not count:
            raise FileUnreadable(self._path, "It became shorter while it was sent.")
        self._at += count
        return count

    def close(self) -> None:
        """Let the file go for good."""
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileUnreadable(self._path, error.strerror or str(error)) from error
