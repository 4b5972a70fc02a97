"""An entry: one file of an archive, before anyone has looked whether it is a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from common.errors import ImageError


class Body(Protocol):
    """The bytes of an entry, unpacked while they are read."""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` of the next bytes, none at the end.

        Raises:
            ImageError: This entry cannot be read; the archive goes on.
            ArchiveError: The archive ends here.
        """
        ...


class Unreadable:
    """The body of an entry that is there and cannot be unpacked.

    Args:
        error: Raised by every read.
    """

    def __init__(self, error: ImageError) -> None:
        self._error = error

    def read(self, size: int) -> NoReturn:
        """Raise what is wrong."""
        del size
        raise self._error


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of an archive."""

    # As the archive has it; see ``worker.archives.names``.
    name: str
    body: Body
