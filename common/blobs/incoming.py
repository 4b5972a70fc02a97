"""Where blobs stand until they are whole, and the sweeping up of what the dead left there."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

# The end of the name of a lock, whose beginning is that of the folder it is held for.
_LOCK = ".lock"


class Incoming:
    """A folder of this process's own, held by a lock for as long as the process lives.

    The kernel lets go of the lock however the process ends. Whoever finds a
    folder that nobody holds may remove it.

    Args:
        root: Holds the folders of all processes that write blobs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._folder: Path | None = None
        # Of the process that made the folder: a fork must not use its parent's.
        self._pid = 0

    def folder(self) -> Path:
        """Return the folder; it is made when it is first asked for.

        Raises:
            OSError: It cannot be made.
        """
        with self._lock:
            if self._folder is None or self._pid != os.getpid():
                self._root.mkdir(parents=True, exist_ok=True)
                self._folder, self._pid = self._make(), os.getpid()
            return self._folder

    def sweep(self) -> int:
        """Remove the folders of processes that have ended; return how many.

        Raises:
            OSError: The folder cannot be read.
        """
        if not self._root.is_dir():
            return 0
        return sum(self._remove_if_left(lock) for lock in self._root.glob(f"*{_LOCK}"))

    def _make(self) -> Path:
        while True:
            fd, name = tempfile.mkstemp(_LOCK, dir=self._root)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # A sweep may have come between the two; then the file has no name any more.
            if os.fstat(fd).st_nlink:
                # The descriptor stays open: it holds the lock until the process ends.
                folder = Path(name.removesuffix(_LOCK))
                folder.mkdir()
                return folder
            os.close(fd)

    def _remove_if_left(self, lock: Path) -> bool:
        try:
            fd = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The folder first: a sweep that is killed leaves the lock for the next one.
                shutil.rmtree(str(lock).removesuffix(_LOCK), ignore_errors=True)
                lock.unlink(missing_ok=True)
                return True
        finally:
            os.close(fd)
        return False
