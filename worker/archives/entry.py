"""Entries: files and links of an archive, not yet checked to be pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from common.errors import ImageError


class Body(Protocol):
    """The bytes of an entry, unpacked as they are read."""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ImageError: This entry cannot be read; later entries can.
            ArchiveError: The archive cannot be read any further.
        """
        ...


class Unreadable:
    """The body of an entry that cannot be unpacked.

    Args:
        error: Raised by every read.
    """

    def __init__(self, error: ImageError) -> None:
        self._error = error

    def read(self, size: int) -> NoReturn:
        """Raise the error."""
        del size
        raise self._error


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of an archive, or a link."""

    # As stored in the archive; see ``worker.archives.names``.
    name: str
    # None for a link or a device.
    body: Body | None
