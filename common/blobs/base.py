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
    # Whether its image was seen indexed: see ``BlobStore.keep``.
    kept: bool = False


class BlobWriter(Protocol):
    """One blob on its way in; nobody sees it before ``commit``."""

    def write(self, data: bytes) -> int:
        """Add bytes; return how many."""
        ...

    def seal(self) -> None:
        """Take no more bytes and hold no open file; ``commit`` or ``discard`` follows."""
        ...

    def commit(self, blob_id: str) -> None:
        """Make the blob readable under its id; a blob of the same id may be there already.

        Either way its time is that of this call.
        """
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

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Go through the blobs of all tenants, but for those that are withdrawn.

        Args:
            prefix: Two hexadecimal digits: only blobs whose ids begin so, and no more than
                these is read. All without it.
        """
        ...

    def touch(self, tenant: str, blob_id: str) -> None:
        """Make a blob as young as if it were uploaded now: it is about to be used.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Note that the image of a blob was seen indexed.

        It lasts until the blob is withdrawn, also where it is uploaded anew.

        Args:
            tenant: Whose blob.
            blob_id: Which.
            at: The blob's time; one that has another by now is not meant.
        """
        ...

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Take a blob out of sight and remove its renditions; return whether it was there.

        Its bytes stay aside until ``discard``: an upload that counts on them may be under way.

        Args:
            tenant: Whose blob.
            blob_id: Which.
            at: The blob's time: one that has another by now is left where it is.
        """
        ...

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Bring a withdrawn blob back, its time that of this call; return whether there was one."""
        ...

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Go through the withdrawn blobs of all tenants."""
        ...

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Remove a withdrawn blob for good; one that was uploaded anew stays.

        Args:
            tenant: Whose blob.
            blob_id: Which.
            at: Since when it is withdrawn: one that was withdrawn anew stays.
        """
        ...

    def sweep(self) -> None:
        """Remove what writers of processes that were killed have left half written."""
        ...

    def expire(self, age_s: float) -> None:
        """Remove blobs that were written longer ago than so many seconds."""
        ...
