"""Folders of incomplete blobs, one per process, and the removal of those of dead processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

# Suffix of a lock file; the rest of its name is the name of the folder that it protects.
_LOCK = ".lock"


class Incoming:
    """A private folder of this process, locked for as long as the process lives.

    The kernel releases the lock however the process ends. Any process may remove an unlocked
    folder.

    Args:
        root: Contains the folders of all processes that write blobs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._folder: Path | None = None
        # The process that created the folder: a forked child must not use its parent's.
        self._pid = 0

    def folder(self) -> Path:
        """Return the folder, creating it on first use.

        Raises:
            OSError: The folder cannot be created.
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
        return sum(self._remove_if_unlocked(lock) for lock in self._root.glob(f"*{_LOCK}"))

    def _make(self) -> Path:
        while True:
            fd, name = tempfile.mkstemp(_LOCK, dir=self._root)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # A sweep may have removed the file before it was locked; then it has no name.
            if os.fstat(fd).st_nlink:
                # The descriptor stays open to hold the lock until the process ends.
                folder = Path(name.removesuffix(_LOCK))
                folder.mkdir()
                return folder
            os.close(fd)

    def _remove_if_unlocked(self, lock: Path) -> bool:
        try:
            fd = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The folder first: if this sweep is killed, the next one finds the lock file.
                shutil.rmtree(str(lock).removesuffix(_LOCK), ignore_errors=True)
                lock.unlink(missing_ok=True)
                return True
        finally:
            os.close(fd)
        return False
