"""Blobs as files in one folder, which may be on a shared volume."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from common.blobs.base import StoredBlob
from common.blobs.incoming import Incoming
from common.errors import BlobsFull, BlobsUnavailable, NotFound

# Errors of a full disk and of an exhausted quota.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

# Mode of a blob: readable by its owner and by the group that the API and the workers share.
_MODE = 0o640
# Mode of a kept blob: read-only. A file with any other mode was not written by this store, and
# also counts as kept.
_KEPT_MODE = 0o440


class FolderWriter:
    """Writes a file in ``incoming/`` and moves it to its place once it is complete."""

    def __init__(self, store: FolderBlobs, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        with _blob_errors(), _require_folder():
            self.path = store.incoming.folder() / secrets.token_hex(16)
            # Unbuffered, because uploads already arrive in large pieces.
            self._file = open(  # noqa: SIM115 - closed by commit or discard
                self.path, "xb", buffering=0, opener=_opener
            )

    def write(self, data: bytes) -> int:
        """Append bytes; return how many."""
        rest = memoryview(data)
        with _blob_errors():
            while rest:
                # An unbuffered write may be partial, for example on a nearly full disk.
                rest = rest[self._file.write(rest) :]
        return len(data)

    def seal(self) -> None:
        """Close the file, leaving it in ``incoming/``."""
        with _blob_errors():
            self._file.close()

    def commit(self, blob_id: str) -> None:
        """Move the file to its place atomically, so that no reader sees an incomplete blob."""
        self.seal()
        original = self._store.path(self._tenant, blob_id)
        with _blob_errors(), _require_folder():
            with suppress(FileNotFoundError):
                if _is_kept(original.stat()):
                    self.path.chmod(_KEPT_MODE)
            # In a request of many pictures, the last write may be long ago.
            os.utime(self.path)
            _move(self.path, original)

    def discard(self) -> None:
        """Remove the file unless it has been committed."""
        self._file.close()
        # If this fails, a later sweep removes the file.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class FolderBlobs:
    """Stores blobs as files.

    Originals are at ``TENANT/originals/ab/ID``, renditions at ``TENANT/renditions/ab/ID/NAME``,
    withdrawn blobs at ``TENANT/withdrawn/ab/ID``. A blob's time is the modification time of
    its file. The file of a kept blob is read-only.

    If a process dies, a blob is either complete or absent. Files are not flushed to disk (fsync),
    so durability across a power failure depends on the file system.

    Args:
        root: The folder.
        begin: Called before a blob is written; if it raises, the blob is not written.
    """

    def __init__(self, root: Path, begin: Callable[[], None] | None = None) -> None:
        self._root = root.expanduser()
        self._begin = begin
        self.incoming = Incoming(self._root / "incoming")

    def path(self, tenant: str, blob_id: str) -> Path:
        """Return the path of a blob, whether or not it exists."""
        return self._root / tenant / "originals" / blob_id[:2] / blob_id

    def writer(self, tenant: str) -> FolderWriter:
        """Return a writer for a new blob."""
        if self._begin is not None:
            self._begin()
        return FolderWriter(self, tenant)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading."""
        try:
            with _blob_errors():
                return self.path(tenant, blob_id).open("rb")
        except FileNotFoundError:
            raise NotFound(f"The bytes of image {blob_id} are not in the blob store.") from None

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        with self.open(tenant, blob_id) as file, _blob_errors():
            return file.read()

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Store a file derived from a blob."""
        writer = FolderWriter(self, tenant)
        folder = self._renditions(tenant, blob_id)
        try:
            writer.write(data)
            writer.seal()
            with _blob_errors():
                folder.mkdir(parents=True, exist_ok=True)
                writer.path.replace(folder / name)
        except FileNotFoundError:
            # The blob is being removed.
            writer.discard()
        except BaseException:
            # On a full disk, an incomplete file would waste space.
            writer.discard()
            raise
        # Check after the move: a concurrent withdrawal either removes this rendition too or
        # has already moved the blob away.
        if not self.path(tenant, blob_id).exists():
            self._remove_renditions(tenant, blob_id)

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return the bytes of a rendition, or None if there is none."""
        with _blob_errors(), suppress(FileNotFoundError):
            return (self._renditions(tenant, blob_id) / name).read_bytes()
        return None

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and its renditions."""
        with _blob_errors():
            self.path(tenant, blob_id).unlink(missing_ok=True)
            self._remove_renditions(tenant, blob_id)

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Iterate over the blobs in no particular order; lists only the prefix's folders."""
        return self._iterate("originals", prefix)

    def touch(self, tenant: str, blob_id: str) -> None:
        """Reset a blob's time to now."""
        try:
            with _blob_errors():
                os.utime(self.path(tenant, blob_id))
        except FileNotFoundError:
            raise NotFound(f"The bytes of image {blob_id} are not in the blob store.") from None

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Mark a blob as kept: its image is known to be indexed."""
        original = self.path(tenant, blob_id)
        with _blob_errors(), suppress(FileNotFoundError):
            if original.stat().st_mtime == at:
                original.chmod(_KEPT_MODE)

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Hide a blob and remove its renditions."""
        original = self.path(tenant, blob_id)
        existed = False
        with _blob_errors():
            with suppress(FileNotFoundError):
                if at is not None and original.stat().st_mtime != at:
                    return False
                # Before the move, so that no withdrawn blob has the time of its upload.
                os.utime(original)
                original.chmod(_MODE)
                _move(original, self._withdrawn(tenant, blob_id))
                existed = True
            self._remove_renditions(tenant, blob_id)
        return existed

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Restore a withdrawn blob, replacing one that was uploaded again."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with _blob_errors(), suppress(FileNotFoundError):
            # It must not look older than an upload that it replaces.
            os.utime(withdrawn)
            _move(withdrawn, self.path(tenant, blob_id))
            return True
        return False

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Iterate over the withdrawn blobs in no particular order."""
        return self._iterate("withdrawn")

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Delete a withdrawn blob."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with _blob_errors(), suppress(FileNotFoundError):
            if at is None or withdrawn.stat().st_mtime == at:
                withdrawn.unlink()
                # A rendition may be left if its process was killed while the blob was withdrawn.
                if not self.path(tenant, blob_id).exists():
                    self._remove_renditions(tenant, blob_id)

    def sweep(self) -> None:
        """Remove incomplete blobs that killed processes left."""
        with _blob_errors():
            self.incoming.sweep()

    def expire(self, age_s: float) -> None:
        """Remove blobs that are older than ``age_s`` seconds."""
        oldest = time.time() - age_s
        for blob in self.stored():
            if blob.at < oldest:
                self.delete(blob.tenant, blob.id)

    def _iterate(self, folder: str, prefix: str = "") -> Iterator[StoredBlob]:
        with _blob_errors():
            for path in self._root.glob(f"*/{folder}/{prefix or '*'}/{prefix}*"):
                with suppress(FileNotFoundError):
                    file = path.stat()
                    yield StoredBlob(path.parts[-4], path.name, file.st_mtime, _is_kept(file))

    def _withdrawn(self, tenant: str, blob_id: str) -> Path:
        return self._root / tenant / "withdrawn" / blob_id[:2] / blob_id

    def _remove_renditions(self, tenant: str, blob_id: str) -> None:
        shutil.rmtree(self._renditions(tenant, blob_id), ignore_errors=True)

    def _renditions(self, tenant: str, blob_id: str) -> Path:
        return self._root / tenant / "renditions" / blob_id[:2] / blob_id


def _opener(path: str, flags: int) -> int:
    handle = os.open(path, flags, _MODE)
    # The process's umask would deny access to the group.
    os.fchmod(handle, _MODE)
    return handle


def _is_kept(file: os.stat_result) -> bool:
    return stat.S_IMODE(file.st_mode) != _MODE


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except FileNotFoundError:
        # Most folders exist, so create one only if the move fails.
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


@contextmanager
def _require_folder() -> Iterator[None]:
    """Raise ``BlobsUnavailable`` if a file that this process has just written is missing."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobsUnavailable(
            "The blob folder cannot be used: it has disappeared. Mount it again, or restart the"
            " service."
        ) from error


@contextmanager
def _blob_errors() -> Iterator[None]:
    """Translate errors of the file system, except a missing file, into ``BlobsUnavailable``."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise BlobsFull(
                f"The blob folder is full: {reason}. Free some space, then send the upload again."
            ) from error
        raise BlobsUnavailable(
            f"The blob folder cannot be used: {reason}. Try again later."
        ) from error
