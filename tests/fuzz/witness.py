"""A witness: sees every file that is written, made, linked or removed by this thread."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Flags by which an opened file is more than read.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# What Python tells before it is done, by the names of its table of audit events.
_DEEDS = frozenset(
    {
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.system",
        "os.truncate",
        "os.utime",
        "shutil.move",
        "shutil.unpack_archive",
        "socket.connect",
        "subprocess.Popen",
    }
)


class Witness:
    """Listens to Python's audit events; one stays for as long as the process lives."""

    def __init__(self) -> None:
        self._here = threading.local()
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        """Give a list that every deed of this thread is put into until the block ends."""
        self._here.deeds = deeds = []
        try:
            yield deeds
        finally:
            self._here.deeds = None

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        deeds = getattr(self._here, "deeds", None)
        if deeds is None:
            return
        is_written = event == "open" and isinstance(details[2], int) and details[2] & _WRITING
        if is_written or event in _DEEDS:
            deeds.append(f"{event} {details!r}")
