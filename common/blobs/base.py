"""What every blob store offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob, and since when it is where it is, in seconds since 1970."""

    tenant: str
    id: str
    at: float


class BlobWriter(Protocol):
    """One blob on its way in; nobody sees it before ``commit``."""

    def write(self, data: bytes) -> int:
        """Add bytes; return how many."""
        ...

    def seal(self) -> None:
        """Take no more bytes and hold no open file; ``commit`` or ``discard`` follows."""
        ...

    def commit(self, blob_id: str) -> None:
        """Make the blob readable under its id; a blob of the same id may be there already."""
        ...

    def discard(self) -> None:
        """Forget what was written; does nothing after ``commit``."""
        ...


class BlobStore(Protocol):
    """Immutable bytes by tenant and id, and small renditions made from them.

    Every method raises ``BlobsUnavailable`` when the store cannot be read or written,
    and ``BlobsFull``, which is one, when there is no room in it.
    """

    def writer(self, tenant: str) -> BlobWriter:
        """Begin a new blob."""
        ...

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes; raises as ``open`` does."""
        ...

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Keep something made from a blob, such as a thumbnail, beside it.

        Nothing is kept where the blob has gone meanwhile.
        """
        ...

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return what ``put_rendition`` kept, or None."""
        ...

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and all its renditions; one that is not there is no error."""
        ...

    def stored(self) -> Iterator[StoredBlob]:
        """Go through the blobs of all tenants, but for those that are withdrawn."""
        ...

    def withdraw(self, tenant: str, blob_id: str) -> None:
        """Take a blob out of sight and remove its renditions; one that is not there is no error.

        Its bytes stay aside until ``discard``: an upload that counts on them may be under way.
        """
        ...

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Bring a withdrawn blob back; return whether there was one."""
        ...

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Go through the withdrawn blobs of all tenants."""
        ...

    def discard(self, tenant: str, blob_id: str) -> None:
        """Remove a withdrawn blob for good; one that was uploaded anew stays."""
        ...

    def sweep(self) -> None:
        """Remove what writers of processes that were killed have left half written."""
        ...

    def expire(self, age_s: float) -> None:
        """Remove blobs that were written longer ago than so many seconds."""
        ...
