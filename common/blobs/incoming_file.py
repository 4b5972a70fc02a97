"""The file of a blob that is being received."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from common.blobs.disk_errors import disk_errors, require_folder
from common.blobs.incoming import Incoming

# Mode of a blob: readable by its owner and by the group that the API and the workers share.
MODE = 0o640


class IncomingFile:
    """A file in this process's folder of incoming blobs.

    Args:
        incoming: Provides the folder.
        place: The folder, as the subject of a sentence in errors.
    """

    def __init__(self, incoming: Incoming, place: str = "The blob folder") -> None:
        self._place = place
        # Whether it was moved to another folder.
        self.is_moved = False
        with disk_errors(place), require_folder(place):
            self.path = incoming.folder() / secrets.token_hex(16)
            # Unbuffered, because uploads already arrive in large pieces.
            self._file = open(  # noqa: SIM115 - closed by seal or discard
                self.path, "xb", buffering=0, opener=_opener
            )

    def write(self, data: bytes) -> int:
        """Append bytes; return how many."""
        rest = memoryview(data)
        with disk_errors(self._place):
            while rest:
                # An unbuffered write may be partial, for example on a nearly full disk.
                rest = rest[self._file.write(rest) :]
        return len(data)

    def seal(self) -> None:
        """Close the file, leaving it in the folder."""
        with disk_errors(self._place):
            self._file.close()

    def discard(self) -> None:
        """Remove the file unless it has been moved."""
        self._file.close()
        if self.is_moved:
            return
        # If this fails, a later sweep removes the file.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _opener(path: str, flags: int) -> int:
    handle = os.open(path, flags, MODE)
    # The process's umask would deny access to the group.
    os.fchmod(handle, MODE)
    return handle
