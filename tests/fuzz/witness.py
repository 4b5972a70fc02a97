"""A witness: records every file that a thread writes, creates, links or removes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Open flags other than reading.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Audit events of Python to record, besides opening files for writing.
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
    """Listens to Python's audit events, for the lifetime of the process."""

    def __init__(self) -> None:
        self._here = threading.local()
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        """Yield a list that collects this thread's events during the block."""
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
