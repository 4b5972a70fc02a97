"""The interface of a blob store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob, and when it was stored or withdrawn, in seconds since 1970."""

    tenant: str
    id: str
    at: float
    # Whether its image is known to be indexed: see ``BlobStore.keep``.
    kept: bool = False


class BlobWriter(Protocol):
    """Writes one blob, which becomes visible on ``commit``."""

    def write(self, data: bytes) -> int:
        """Append bytes; return how many."""
        ...

    def seal(self) -> None:
        """Close the file; no more bytes are accepted before ``commit`` or ``discard``."""
        ...

    def commit(self, blob_id: str) -> None:
        """Make the blob readable under its id, replacing an existing blob with the same id.

        The blob's time is the time of this call.
        """
        ...

    def discard(self) -> None:
        """Discard the written bytes; does nothing after ``commit``."""
        ...


class BlobStore(Protocol):
    """Stores immutable bytes by tenant and id, and small renditions derived from them.

    Every method raises ``BlobsUnavailable`` if the store cannot be read or written, and its
    subclass ``BlobsFull`` if the store is full.
    """

    def writer(self, tenant: str) -> BlobWriter:
        """Return a writer for a new blob."""
        ...

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes; raises like ``open``."""
        ...

    def signed_url(
        self, tenant: str, blob_id: str, expires_s: int, headers: Mapping[str, str]
    ) -> str | None:
        """Return an address at which anyone may read a blob for a while.

        Args:
            tenant: The owner of the blob.
            blob_id: The id of the blob, which is not looked up.
            expires_s: Seconds that the address is valid.
            headers: Content-Type, Content-Disposition and Cache-Control of the answer.

        Returns:
            None if the store has no addresses.
        """
        ...

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Store a file derived from a blob, such as a thumbnail.

        Stores nothing if the blob has been removed or withdrawn.
        """
        ...

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return the bytes of a rendition, or None if there is none."""
        ...

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and its renditions; does nothing if the blob does not exist."""
        ...

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Iterate over the blobs of all tenants, except withdrawn ones.

        Args:
            prefix: The first two hexadecimal digits of the ids to return; other blobs are not
                read. Empty returns all blobs.
        """
        ...

    def touch(self, tenant: str, blob_id: str) -> None:
        """Reset a blob's time to now, because it is about to be used.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Mark a blob as kept: its image is known to be indexed.

        The mark lasts until the blob is withdrawn, even if the blob is uploaded again.

        Args:
            tenant: The owner of the blob.
            blob_id: The id of the blob.
            at: The expected time of the blob; a blob with another time is left unmarked.
        """
        ...

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Hide a blob and remove its renditions; return whether the blob existed.

        The bytes are kept until ``discard``, because an upload in progress may rely on them.

        Args:
            tenant: The owner of the blob.
            blob_id: The id of the blob.
            at: The expected time of the blob; a blob with another time is not withdrawn.
        """
        ...

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Restore a withdrawn blob with the time of this call; return whether there was one."""
        ...

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Iterate over the withdrawn blobs of all tenants."""
        ...

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Delete a withdrawn blob; a blob with the same id that was uploaded again stays.

        Args:
            tenant: The owner of the blob.
            blob_id: The id of the blob.
            at: The expected time of withdrawal; a blob withdrawn at another time stays.
        """
        ...

    def sweep(self) -> None:
        """Remove incomplete blobs that killed processes left."""
        ...

    def expire(self, age_s: float) -> None:
        """Remove blobs that are older than ``age_s`` seconds."""
        ...
