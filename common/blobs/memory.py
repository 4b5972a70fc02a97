"""Blobs in this process's memory: the complete fake for tests."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import BinaryIO

from common.blobs.base import StoredBlob
from common.errors import NotFound


class MemoryWriter:
    """Bytes that become a blob on ``commit``."""

    def __init__(
        self,
        blobs: dict[tuple[str, str], bytes],
        written_at: dict[tuple[str, str], float],
        tenant: str,
    ) -> None:
        self._blobs = blobs
        self._written_at = written_at
        self._tenant = tenant
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        """Add bytes; return how many."""
        self._data += data
        return len(data)

    def seal(self) -> None:
        """Do nothing: memory holds no open file."""

    def commit(self, blob_id: str) -> None:
        """Make the blob readable under its id."""
        self._blobs[self._tenant, blob_id] = bytes(self._data)
        self._written_at[self._tenant, blob_id] = time.time()

    def discard(self) -> None:
        """Forget what was written."""
        self._data.clear()


class MemoryBlobs:
    """A blob store that lasts as long as the object."""

    def __init__(self) -> None:
        self._blobs: dict[tuple[str, str], bytes] = {}
        # Seconds since 1970, by the same keys.
        self._written_at: dict[tuple[str, str], float] = {}
        self._renditions: dict[tuple[str, str], dict[str, bytes]] = {}
        # Bytes that were taken out of sight, and when.
        self._withdrawn: dict[tuple[str, str], tuple[bytes, float]] = {}

    def writer(self, tenant: str) -> MemoryWriter:
        """Begin a new blob."""
        return MemoryWriter(self._blobs, self._written_at, tenant)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading."""
        return io.BytesIO(self.read(tenant, blob_id))

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        try:
            return self._blobs[tenant, blob_id]
        except KeyError:
            raise NotFound(f"There are no bytes of image {blob_id}.") from None

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Keep something made from a blob beside it."""
        if (tenant, blob_id) in self._blobs:
            self._renditions.setdefault((tenant, blob_id), {})[name] = data

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return what ``put_rendition`` kept, or None."""
        return self._renditions.get((tenant, blob_id), {}).get(name)

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and all its renditions."""
        self._blobs.pop((tenant, blob_id), None)
        self._renditions.pop((tenant, blob_id), None)

    def stored(self) -> Iterator[StoredBlob]:
        """Go through the blobs."""
        for tenant, blob_id in list(self._blobs):
            yield StoredBlob(tenant, blob_id, self._written_at[tenant, blob_id])

    def withdraw(self, tenant: str, blob_id: str) -> None:
        """Take a blob out of sight and remove its renditions."""
        data = self._blobs.pop((tenant, blob_id), None)
        self._renditions.pop((tenant, blob_id), None)
        if data is not None:
            self._withdrawn[tenant, blob_id] = data, time.time()

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Bring a withdrawn blob back."""
        data, _ = self._withdrawn.pop((tenant, blob_id), (None, 0.0))
        if data is None:
            return False
        self._blobs[tenant, blob_id] = data
        self._written_at[tenant, blob_id] = time.time()
        return True

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Go through the withdrawn blobs."""
        for (tenant, blob_id), (_, at) in list(self._withdrawn.items()):
            yield StoredBlob(tenant, blob_id, at)

    def discard(self, tenant: str, blob_id: str) -> None:
        """Remove a withdrawn blob for good."""
        self._withdrawn.pop((tenant, blob_id), None)

    def sweep(self) -> None:
        """Do nothing: what is half written goes with its process."""

    def expire(self, age_s: float) -> None:
        """Remove blobs that were written longer ago than so many seconds."""
        oldest = time.time() - age_s
        for tenant, blob_id in list(self._blobs):
            if self._written_at[tenant, blob_id] < oldest:
                self.delete(tenant, blob_id)
