"""The interface of a repository: the folder or the bucket that holds backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Repository(Protocol):
    """Holds objects under names such as ``objects/ab/SHA256``; thread-safe.

    Every method raises ``BlobsUnavailable``, or its subclass ``BlobsFull``.
    """

    # For messages, without credentials.
    where: str

    def prepare(self, *, writes: bool) -> None:
        """Make the repository usable, or raise an error that says why it is not.

        Args:
            writes: Whether objects will be written.

        Raises:
            BlobsMisconfigured: A bucket is missing, or the credentials do not suffice.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object; it appears as a whole."""
        ...

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes, or None if there is no such object."""
        ...

    def names(self, folder: str) -> Iterator[str]:
        """Iterate over the last parts of the names in a folder, such as ``objects/ab``.

        Empty objects are left out: a disk that lost power has those.
        """
        ...

    def flush(self) -> None:
        """Return once everything that was written survives a power failure."""
        ...
