"""Blobs in this process's memory: the complete fake for tests."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from common.blobs.base import StoredBlob
from common.errors import NotFound


@dataclass(slots=True)
class _Blob:
    """Bytes, when they were stored or withdrawn, and whether their image is known to be indexed."""

    data: bytes
    # Seconds since 1970.
    at: float = field(default_factory=time.time)
    kept: bool = False


# Blobs by tenant and id.
_Blobs = dict[tuple[str, str], _Blob]


class MemoryWriter:
    """Collects the bytes of a blob until ``commit``."""

    def __init__(self, blobs: _Blobs, tenant: str) -> None:
        self._blobs = blobs
        self._tenant = tenant
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        """Append bytes; return how many."""
        self._data += data
        return len(data)

    def seal(self) -> None:
        """Do nothing: memory holds no open file."""

    def commit(self, blob_id: str) -> None:
        """Make the blob readable under its id."""
        before = self._blobs.get((self._tenant, blob_id))
        kept = before is not None and before.kept
        self._blobs[self._tenant, blob_id] = _Blob(bytes(self._data), kept=kept)

    def discard(self) -> None:
        """Discard the written bytes."""
        self._data.clear()


class MemoryBlobs:
    """Stores blobs for the lifetime of the object."""

    def __init__(self) -> None:
        self._blobs: _Blobs = {}
        self._renditions: dict[tuple[str, str], dict[str, bytes]] = {}
        self._withdrawn: _Blobs = {}

    def writer(self, tenant: str) -> MemoryWriter:
        """Return a writer for a new blob."""
        return MemoryWriter(self._blobs, tenant)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading."""
        return io.BytesIO(self.read(tenant, blob_id))

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        return self._blob(tenant, blob_id).data

    def signed_url(
        self, tenant: str, blob_id: str, expires_s: int, headers: Mapping[str, str]
    ) -> str | None:
        """Return None: bytes in memory have no addresses."""
        del tenant, blob_id, expires_s, headers
        return None

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Store a file derived from a blob."""
        if (tenant, blob_id) in self._blobs:
            self._renditions.setdefault((tenant, blob_id), {})[name] = data

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return the bytes of a rendition, or None if there is none."""
        return self._renditions.get((tenant, blob_id), {}).get(name)

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and its renditions."""
        self._blobs.pop((tenant, blob_id), None)
        self._renditions.pop((tenant, blob_id), None)

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Iterate over the blobs."""
        for (tenant, blob_id), blob in list(self._blobs.items()):
            if blob_id.startswith(prefix):
                yield StoredBlob(tenant, blob_id, blob.at, blob.kept)

    def touch(self, tenant: str, blob_id: str) -> None:
        """Reset a blob's time to now."""
        self._blob(tenant, blob_id).at = time.time()

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Mark a blob as kept: its image is known to be indexed."""
        blob = self._blobs.get((tenant, blob_id))
        if blob is not None and blob.at == at:
            blob.kept = True

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Hide a blob and remove its renditions."""
        blob = self._blobs.get((tenant, blob_id))
        if blob is not None and at not in (None, blob.at):
            return False
        self.delete(tenant, blob_id)
        if blob is not None:
            self._withdrawn[tenant, blob_id] = _Blob(blob.data)
        return blob is not None

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Restore a withdrawn blob."""
        blob = self._withdrawn.pop((tenant, blob_id), None)
        if blob is not None:
            self._blobs[tenant, blob_id] = _Blob(blob.data)
        return blob is not None

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Iterate over the withdrawn blobs."""
        for (tenant, blob_id), blob in list(self._withdrawn.items()):
            yield StoredBlob(tenant, blob_id, blob.at)

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Delete a withdrawn blob."""
        blob = self._withdrawn.get((tenant, blob_id))
        if blob is not None and at in (None, blob.at):
            del self._withdrawn[tenant, blob_id]

    def sweep(self) -> None:
        """Do nothing: incomplete blobs disappear with their process."""

    def expire(self, age_s: float) -> None:
        """Remove blobs that are older than ``age_s`` seconds."""
        oldest = time.time() - age_s
        for blob in self.stored():
            if blob.at < oldest:
                self.delete(blob.tenant, blob.id)

    def _blob(self, tenant: str, blob_id: str) -> _Blob:
        try:
            return self._blobs[tenant, blob_id]
        except KeyError:
            raise NotFound(f"The bytes of image {blob_id} are not in the blob store.") from None
