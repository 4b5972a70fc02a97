"""Blobs as objects in a bucket of an object store."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from common.blobs.base import StoredBlob
from common.blobs.bucket import Bucket, Entry
from common.blobs.disk_errors import disk_errors, require_folder
from common.blobs.incoming import Incoming
from common.blobs.incoming_file import IncomingFile
from common.blobs.ranges import RangeReader
from common.errors import BlobsUnavailable, NotFound

# The folder of incoming blobs, as the subject of a sentence.
_SPOOL = "The folder for temporary files"
# Bytes to read when a blob is opened: most thumbnails, and all of a picture's head.
_FIRST_BYTES = 64 * 1024
# Bytes to read at a time after that.
_BLOCK_BYTES = 1024**2
# Seconds after which an upload in parts that is not complete counts as abandoned.
_ABANDONED_S = 86_400.0


class S3Writer(IncomingFile):
    """Collects a blob in a local file, and uploads it once its id is known."""

    def __init__(self, store: S3Blobs, tenant: str) -> None:
        super().__init__(store.incoming, _SPOOL)
        self._store = store
        self._tenant = tenant

    def commit(self, blob_id: str) -> None:
        """Upload the file. An object appears as a whole, so no reader sees an incomplete blob."""
        self.seal()
        with disk_errors(_SPOOL), require_folder(_SPOOL):
            self._store.upload(self._tenant, blob_id, self.path)
        self.discard()


class S3Blobs:
    """Stores blobs as objects.

    The keys are ``originals/ab/TENANT/ID``, ``kept/ab/TENANT/ID`` (an empty object that marks a
    kept blob), ``renditions/ab/TENANT/ID/NAME`` and ``withdrawn/ab/TENANT/ID``. A blob's time is
    that of its object, by the object store's clock, in whole seconds.

    A blob is withdrawn by a copy and a deletion, and restored likewise. A process may be killed
    between the two: then the blob is both stored and withdrawn, which loses nothing. If it was
    frozen instead, the deletion would hit what others have stored since. So deletions are signed
    before their copies, and the object store refuses them after ``hold_s`` (decision 0034).

    Args:
        bucket: Holds the objects.
        root: Begins all keys.
        begin: Called before a blob is written; if it raises, the blob is not written.
        hold_s: Seconds within which a withdrawal or restoration must be complete: less than a
            claim lasts after its worker last renewed it.
        block_bytes: Bytes to read at a time from an open blob.
    """

    def __init__(
        self,
        bucket: Bucket,
        root: str = "",
        begin: Callable[[], None] | None = None,
        *,
        hold_s: int = 30,
        block_bytes: int = _BLOCK_BYTES,
    ) -> None:
        self._bucket = bucket
        self._root = root
        self._begin = begin
        self._hold_s = hold_s
        self._block_bytes = block_bytes
        self._is_swept = False

    @cached_property
    def incoming(self) -> Incoming:
        """The local folder of incoming blobs."""
        return Incoming(_spool())

    def writer(self, tenant: str) -> S3Writer:
        """Return a writer for a new blob."""
        if self._begin is not None:
            self._begin()
        if not self._is_swept:
            # The upkeep of an ingest worker sweeps its own machine only.
            self._is_swept = True
            with disk_errors(_SPOOL):
                self.incoming.sweep()
        return S3Writer(self, tenant)

    def upload(self, tenant: str, blob_id: str, path: Path) -> None:
        """Store a file as a blob."""
        self._bucket.upload(self._key("originals", tenant, blob_id), path)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading; its bytes are fetched in blocks."""
        key = self._key("originals", tenant, blob_id)
        start = self._bucket.get(key, 0, _FIRST_BYTES)
        if start is None:
            raise _absent(blob_id)

        def fetch(first: int, count: int) -> bytes:
            found = self._bucket.get(key, first, count)
            if found is None or not found.data:
                raise BlobsUnavailable(f"The bytes of blob {blob_id} were removed meanwhile.")
            return found.data

        return io.BufferedReader(RangeReader(fetch, start.data, start.bytes, self._block_bytes))

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        found = self._bucket.get(self._key("originals", tenant, blob_id))
        if found is None:
            raise _absent(blob_id)
        return found.data

    def signed_url(
        self, tenant: str, blob_id: str, expires_s: int, headers: Mapping[str, str]
    ) -> str | None:
        """Return an address at which anyone may read a blob for a while."""
        named = {f"Response{name.replace('-', '')}": value for name, value in headers.items()}
        key = self._key("originals", tenant, blob_id)
        return self._bucket.signed_url(key, expires_s, named)

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Store an object derived from a blob."""
        self._bucket.put(self._renditions(tenant, blob_id) + name, data)
        # Checked afterwards: a concurrent withdrawal either removes this rendition too or has
        # already removed the blob.
        if self._time(tenant, blob_id) is None:
            self._remove_renditions(tenant, blob_id)

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return the bytes of a rendition, or None if there is none."""
        found = self._bucket.get(self._renditions(tenant, blob_id) + name)
        return None if found is None else found.data

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and its renditions."""
        self._bucket.delete(self._key("originals", tenant, blob_id))
        self._bucket.delete(self._key("kept", tenant, blob_id))
        self._remove_renditions(tenant, blob_id)

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Iterate over the blobs in the order of their ids' first digits."""
        kept = {_name(entry.key) for entry in self._list("kept", prefix)}
        for entry in self._list("originals", prefix):
            tenant, blob_id = _name(entry.key)
            yield StoredBlob(tenant, blob_id, entry.at, (tenant, blob_id) in kept)

    def touch(self, tenant: str, blob_id: str) -> None:
        """Reset a blob's time to now."""
        key = self._key("originals", tenant, blob_id)
        if not self._bucket.copy(key, key):
            raise _absent(blob_id)

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Mark a blob as kept: its image is known to be indexed."""
        if self._time(tenant, blob_id) == at:
            self._bucket.put(self._key("kept", tenant, blob_id), b"")

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Hide a blob and remove its renditions."""
        original = self._key("originals", tenant, blob_id)
        remove = self._bucket.deletion(original, self._hold_s)
        if at is not None and self._time(tenant, blob_id) != at:
            return False
        existed = self._bucket.copy(original, self._key("withdrawn", tenant, blob_id))
        if existed:
            self._bucket.delete(self._key("kept", tenant, blob_id))
            remove()
        self._remove_renditions(tenant, blob_id)
        return existed

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Restore a withdrawn blob, replacing one that was uploaded again."""
        withdrawn = self._key("withdrawn", tenant, blob_id)
        remove = self._bucket.deletion(withdrawn, self._hold_s)
        existed = self._bucket.copy(withdrawn, self._key("originals", tenant, blob_id))
        if existed:
            remove()
        return existed

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Iterate over the withdrawn blobs in the order of their ids' first digits."""
        for entry in self._list("withdrawn"):
            yield StoredBlob(*_name(entry.key), entry.at)

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Delete a withdrawn blob."""
        withdrawn = self._key("withdrawn", tenant, blob_id)
        remove = self._bucket.deletion(withdrawn, self._hold_s)
        found = self._bucket.time_of(withdrawn)
        if found is None or at not in (None, found):
            return
        remove()
        # A rendition may be left if its process was killed while the blob was withdrawn.
        if self._time(tenant, blob_id) is None:
            self._remove_renditions(tenant, blob_id)

    def sweep(self) -> None:
        """Remove incomplete blobs that killed processes left: on this machine, and uploads."""
        with disk_errors(_SPOOL):
            self.incoming.sweep()
        self._bucket.abort_uploads(f"{self._root}originals/", time.time() - _ABANDONED_S)

    def expire(self, age_s: float) -> None:
        """Remove blobs that are older than ``age_s`` seconds."""
        oldest = time.time() - age_s
        for blob in self.stored():
            if blob.at < oldest:
                self.delete(blob.tenant, blob.id)

    def _time(self, tenant: str, blob_id: str) -> float | None:
        return self._bucket.time_of(self._key("originals", tenant, blob_id))

    def _list(self, kind: str, prefix: str = "") -> Iterator[Entry]:
        return self._bucket.entries(f"{self._root}{kind}/{prefix}")

    def _remove_renditions(self, tenant: str, blob_id: str) -> None:
        for entry in self._bucket.entries(self._renditions(tenant, blob_id)):
            self._bucket.delete(entry.key)

    def _renditions(self, tenant: str, blob_id: str) -> str:
        return self._key("renditions", tenant, blob_id) + "/"

    def _key(self, kind: str, tenant: str, blob_id: str) -> str:
        # The digits first, so that one list shows a slice of all tenants.
        return f"{self._root}{kind}/{blob_id[:2]}/{tenant}/{blob_id}"


def _name(key: str) -> tuple[str, str]:
    """Return the tenant and the id in a key."""
    _, tenant, blob_id = key.rsplit("/", 2)
    return tenant, blob_id


def _absent(blob_id: str) -> NotFound:
    return NotFound(f"The bytes of image {blob_id} are not in the blob store.")


def _spool() -> Path:
    """Return the folder of incoming blobs: this user's own, since they are private.

    Raises:
        BlobsUnavailable: It cannot be created, or belongs to somebody else.
    """
    folder = Path(tempfile.gettempdir()) / f"glimpse-incoming-{os.getuid()}"
    with disk_errors(_SPOOL), require_folder(_SPOOL):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise BlobsUnavailable(f"{_SPOOL} cannot be used: {folder} belongs to another user.")
    return folder
