"""Blobs as files in one folder, which may be on a shared volume."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from common.blobs.base import StoredBlob
from common.blobs.disk_errors import disk_errors, require_folder
from common.blobs.incoming import Incoming
from common.blobs.incoming_file import MODE, IncomingFile
from common.blocking import blocking
from common.errors import NotFound

# Mode of a kept blob: read-only. A file with any other mode was not written by this store, and
# also counts as kept.
_KEPT_MODE = 0o440


class FolderWriter(IncomingFile):
    """Writes a file in ``incoming/`` and moves it to its place once it is complete."""

    def __init__(self, store: FolderBlobs, tenant: str) -> None:
        super().__init__(store.incoming)
        self._store = store
        self._tenant = tenant

    def commit(self, blob_id: str) -> None:
        """Move the file to its place atomically, so that no reader sees an incomplete blob."""
        self.seal()
        original = self._store.path(self._tenant, blob_id)
        with disk_errors(), require_folder():
            with suppress(FileNotFoundError):
                if _is_kept(original.stat()):
                    self.path.chmod(_KEPT_MODE)
            # In a request of many pictures, the last write may be long ago.
            os.utime(self.path)
            self._store.move(self.path, original)
            self.is_moved = True


class FolderBlobs:
    """Stores blobs as files.

    Originals are at ``TENANT/originals/ab/ID``, renditions at ``TENANT/renditions/NAME/ab/ID``,
    withdrawn blobs at ``TENANT/withdrawn/ab/ID``. A blob's time is the modification time of
    its file. The file of a kept blob is read-only.

    If a process dies, a blob is either complete or absent. So it is after a power failure if
    files are flushed to the disk: then ``commit`` returns once the disk has the bytes and their
    name. Renditions are never flushed, because they can be made again.

    Args:
        root: The folder.
        begin: Called before a blob is written; if it raises, the blob is not written.
        fsync: Whether to flush blobs to the disk.
    """

    def __init__(
        self, root: Path, begin: Callable[[], None] | None = None, *, fsync: bool = False
    ) -> None:
        self._root = root.expanduser()
        self._begin = begin
        self._fsync = fsync
        self.incoming = Incoming(self._root / "incoming")

    def path(self, tenant: str, blob_id: str) -> Path:
        """Return the path of a blob, whether or not it exists."""
        return self._root.joinpath(tenant, "originals", blob_id[:2], blob_id)

    def move(self, source: Path, target: Path) -> None:
        """Move a blob's file within the folder; flush it first, and its new name afterwards."""
        if not self._fsync:
            _move(source, target)
            return
        with blocking():
            _flush(source)
            for folder in _move(source, target):
                _flush(folder)

    def writer(self, tenant: str) -> FolderWriter:
        """Return a writer for a new blob."""
        if self._begin is not None:
            self._begin()
        return FolderWriter(self, tenant)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading."""
        try:
            with disk_errors():
                return self.path(tenant, blob_id).open("rb")
        except FileNotFoundError:
            raise _not_found(blob_id) from None

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        with self.open(tenant, blob_id) as file, disk_errors():
            return file.read()

    def signed_url(
        self, tenant: str, blob_id: str, expires_s: int, headers: Mapping[str, str]
    ) -> str | None:
        """Return None: files have no addresses."""
        del tenant, blob_id, expires_s, headers
        return None

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Store a file derived from a blob."""
        writer = FolderWriter(self, tenant)
        try:
            writer.write(data)
            writer.seal()
            with disk_errors(), require_folder():
                _move(writer.path, self._rendition(tenant, blob_id, name))
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
        with disk_errors(), suppress(FileNotFoundError):
            return self._rendition(tenant, blob_id, name).read_bytes()
        return None

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and its renditions."""
        with disk_errors():
            self.path(tenant, blob_id).unlink(missing_ok=True)
            self._remove_renditions(tenant, blob_id)

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Iterate over the blobs in no particular order; lists only the prefix's folders."""
        return self._iterate("originals", prefix)

    def touch(self, tenant: str, blob_id: str) -> None:
        """Reset a blob's time to now."""
        try:
            with disk_errors():
                os.utime(self.path(tenant, blob_id))
        except FileNotFoundError:
            raise _not_found(blob_id) from None

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Mark a blob as kept: its image is known to be indexed."""
        original = self.path(tenant, blob_id)
        with disk_errors(), suppress(FileNotFoundError):
            if original.stat().st_mtime == at:
                original.chmod(_KEPT_MODE)

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Hide a blob and remove its renditions."""
        original = self.path(tenant, blob_id)
        existed = False
        with disk_errors():
            with suppress(FileNotFoundError):
                if at is not None and original.stat().st_mtime != at:
                    return False
                # Before the move, so that no withdrawn blob has the time of its upload.
                os.utime(original)
                original.chmod(MODE)
                self.move(original, self._withdrawn(tenant, blob_id))
                existed = True
            self._remove_renditions(tenant, blob_id)
        return existed

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Restore a withdrawn blob, replacing one that was uploaded again."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with disk_errors(), suppress(FileNotFoundError):
            # It must not look older than an upload that it replaces.
            os.utime(withdrawn)
            self.move(withdrawn, self.path(tenant, blob_id))
            return True
        return False

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Iterate over the withdrawn blobs in no particular order."""
        return self._iterate("withdrawn")

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Delete a withdrawn blob."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with disk_errors(), suppress(FileNotFoundError):
            if at is None or withdrawn.stat().st_mtime == at:
                withdrawn.unlink()
                # A rendition may be left if its process was killed while the blob was withdrawn.
                if not self.path(tenant, blob_id).exists():
                    self._remove_renditions(tenant, blob_id)

    def sweep(self) -> None:
        """Remove incomplete blobs that killed processes left."""
        with disk_errors():
            self.incoming.sweep()

    def expire(self, age_s: float) -> None:
        """Remove blobs that are older than ``age_s`` seconds."""
        oldest = time.time() - age_s
        for blob in self.stored():
            if blob.at < oldest:
                self.delete(blob.tenant, blob.id)

    def _iterate(self, folder: str, prefix: str = "") -> Iterator[StoredBlob]:
        with disk_errors():
            for path in self._root.glob(f"*/{folder}/{prefix or '*'}/{prefix}*"):
                with suppress(FileNotFoundError):
                    file = path.stat()
                    yield StoredBlob(path.parts[-4], path.name, file.st_mtime, _is_kept(file))

    def _withdrawn(self, tenant: str, blob_id: str) -> Path:
        return self._root.joinpath(tenant, "withdrawn", blob_id[:2], blob_id)

    def _remove_renditions(self, tenant: str, blob_id: str) -> None:
        folder = self._root / tenant / "renditions"
        with suppress(OSError):
            for kind in folder.iterdir():
                (kind / blob_id[:2] / blob_id).unlink(missing_ok=True)
        # Where they were before: in a folder of their blob.
        shutil.rmtree(folder / blob_id[:2] / blob_id, ignore_errors=True)

    def _rendition(self, tenant: str, blob_id: str, name: str) -> Path:
        # Not in a folder of the blob: on many disks, it would take as much time and space as a
        # thumbnail.
        return self._root.joinpath(tenant, "renditions", name, blob_id[:2], blob_id)


def _not_found(blob_id: str) -> NotFound:
    return NotFound(f"The bytes of image {blob_id} are not in the blob store.")


def _is_kept(file: os.stat_result) -> bool:
    return stat.S_IMODE(file.st_mode) != MODE


def _move(source: Path, target: Path) -> list[Path]:
    """Move a file, and create its folder if it is missing; return the folders that changed."""
    try:
        source.replace(target)
    except FileNotFoundError:
        # Most folders exist, so create one only if the move fails.
        created = _make_folder(target.parent)
        source.replace(target)
        return [target.parent, *(folder.parent for folder in created)]
    return [target.parent]


def _make_folder(path: Path) -> list[Path]:
    """Create a folder with its parents; return those that were missing."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def _flush(path: Path) -> None:
    """Wait until the disk has a file's bytes, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
