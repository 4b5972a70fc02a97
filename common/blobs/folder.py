"""Blobs as files of one folder, which may be a volume that machines share."""

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

# What the file system says where there is no room: of the disk, or of the user's share of it.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


# Who may read a blob: its owner, and the group that the API and the workers share.
_MODE = 0o640
# The same of a blob that is kept: read-only. Another mode than these two is no work of this
# store, and what has it is kept as well.
_KEPT_MODE = 0o440


class FolderWriter:
    """A file in ``incoming/`` that moves to its place when it is whole."""

    def __init__(self, store: FolderBlobs, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        with _translated(), _there():
            self.path = store.incoming.folder() / secrets.token_hex(16)
            # Unbuffered: uploads arrive in large pieces already.
            self._file = open(  # noqa: SIM115 - closed by commit or discard
                self.path, "xb", buffering=0, opener=_opener
            )

    def write(self, data: bytes) -> int:
        """Add bytes; return how many."""
        rest = memoryview(data)
        with _translated():
            while rest:
                # An unbuffered file may take a part only, as on a disk that is filling up.
                rest = rest[self._file.write(rest) :]
        return len(data)

    def seal(self) -> None:
        """Close the file; it stays where it is."""
        with _translated():
            self._file.close()

    def commit(self, blob_id: str) -> None:
        """Move the file to its place in one step, so that no reader sees a part of it."""
        self.seal()
        original = self._store.path(self._tenant, blob_id)
        with _translated(), _there():
            with suppress(FileNotFoundError):
                if _says_kept(original.stat()):
                    self.path.chmod(_KEPT_MODE)
            # Its last byte may have come long ago, in a request of many pictures.
            os.utime(self.path)
            _move(self.path, original)

    def discard(self) -> None:
        """Remove the file unless it has moved."""
        self._file.close()
        # Where that fails the folder is lost, and a sweep removes what is left of it.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class FolderBlobs:
    """Originals at ``TENANT/originals/ab/ID``, renditions at ``TENANT/renditions/ab/ID/NAME``.

    What was withdrawn is at ``TENANT/withdrawn/ab/ID``. A blob's time is that of its file; the
    file of one that is kept is read-only.

    A blob is whole or absent when a process dies. It is not forced to the disk
    (fsync): what a power cut takes back is the file system's to say.

    Args:
        root: The folder.
        begin: Called before a blob is written; where it raises none is.
    """

    def __init__(self, root: Path, begin: Callable[[], None] | None = None) -> None:
        self._root = root.expanduser()
        self._begin = begin
        self.incoming = Incoming(self._root / "incoming")

    def path(self, tenant: str, blob_id: str) -> Path:
        """Return where a blob's bytes are or would be."""
        return self._root / tenant / "originals" / blob_id[:2] / blob_id

    def writer(self, tenant: str) -> FolderWriter:
        """Begin a new blob."""
        if self._begin is not None:
            self._begin()
        return FolderWriter(self, tenant)

    def open(self, tenant: str, blob_id: str) -> BinaryIO:
        """Open a blob for reading."""
        try:
            with _translated():
                return self.path(tenant, blob_id).open("rb")
        except FileNotFoundError:
            raise NotFound(f"There are no bytes of image {blob_id}.") from None

    def read(self, tenant: str, blob_id: str) -> bytes:
        """Return a blob's bytes."""
        with self.open(tenant, blob_id) as file, _translated():
            return file.read()

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        """Keep something made from a blob beside it."""
        writer = FolderWriter(self, tenant)
        try:
            writer.write(data)
            writer.seal()
            with _translated(), suppress(FileNotFoundError):
                _move(writer.path, self._renditions(tenant, blob_id) / name)
            # After the move: whoever withdraws the blob meanwhile removes either the
            # rendition itself or the blob that is looked for here.
            if not self.path(tenant, blob_id).exists():
                self._remove_renditions(tenant, blob_id)
        finally:
            # On a full disk what was written by then would only take more room.
            writer.discard()

    def rendition(self, tenant: str, blob_id: str, name: str) -> bytes | None:
        """Return what ``put_rendition`` kept, or None."""
        with _translated(), suppress(FileNotFoundError):
            return (self._renditions(tenant, blob_id) / name).read_bytes()
        return None

    def delete(self, tenant: str, blob_id: str) -> None:
        """Remove a blob and all its renditions."""
        with _translated():
            self.path(tenant, blob_id).unlink(missing_ok=True)
            self._remove_renditions(tenant, blob_id)

    def stored(self, prefix: str = "") -> Iterator[StoredBlob]:
        """Go through the blobs, in no order; of a prefix only its own folders are listed."""
        return self._found("originals", prefix)

    def touch(self, tenant: str, blob_id: str) -> None:
        """Make a blob as young as if it were uploaded now."""
        try:
            with _translated():
                os.utime(self.path(tenant, blob_id))
        except FileNotFoundError:
            raise NotFound(f"There are no bytes of image {blob_id}.") from None

    def keep(self, tenant: str, blob_id: str, at: float) -> None:
        """Note that the image of a blob was seen indexed."""
        original = self.path(tenant, blob_id)
        with _translated(), suppress(FileNotFoundError):
            if original.stat().st_mtime == at:
                original.chmod(_KEPT_MODE)

    def withdraw(self, tenant: str, blob_id: str, at: float | None = None) -> bool:
        """Take a blob out of sight and remove its renditions."""
        original = self.path(tenant, blob_id)
        was_there = False
        with _translated():
            with suppress(FileNotFoundError):
                if at is not None and original.stat().st_mtime != at:
                    return False
                # Before the move, so that nobody finds it aside with the time of its upload.
                os.utime(original)
                original.chmod(_MODE)
                _move(original, self._withdrawn(tenant, blob_id))
                was_there = True
            self._remove_renditions(tenant, blob_id)
        return was_there

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Bring a withdrawn blob back, in the place of the same one that may be there again."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with _translated(), suppress(FileNotFoundError):
            # It must not look older than an upload whose bytes it replaces.
            os.utime(withdrawn)
            _move(withdrawn, self.path(tenant, blob_id))
            return True
        return False

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Go through the withdrawn blobs, in no order."""
        return self._found("withdrawn")

    def discard(self, tenant: str, blob_id: str, at: float | None = None) -> None:
        """Remove a withdrawn blob for good."""
        withdrawn = self._withdrawn(tenant, blob_id)
        with _translated(), suppress(FileNotFoundError):
            if at is None or withdrawn.stat().st_mtime == at:
                withdrawn.unlink()

    def sweep(self) -> None:
        """Remove half uploads of processes that were killed."""
        with _translated():
            self.incoming.sweep()

    def expire(self, age_s: float) -> None:
        """Remove blobs that were written longer ago than so many seconds."""
        oldest = time.time() - age_s
        for blob in self.stored():
            if blob.at < oldest:
                self.delete(blob.tenant, blob.id)

    def _found(self, folder: str, prefix: str = "") -> Iterator[StoredBlob]:
        with _translated():
            for path in self._root.glob(f"*/{folder}/{prefix or '*'}/{prefix}*"):
                with suppress(FileNotFoundError):
                    file = path.stat()
                    yield StoredBlob(path.parts[-4], path.name, file.st_mtime, _says_kept(file))

    def _withdrawn(self, tenant: str, blob_id: str) -> Path:
        return self._root / tenant / "withdrawn" / blob_id[:2] / blob_id

    def _remove_renditions(self, tenant: str, blob_id: str) -> None:
        shutil.rmtree(self._renditions(tenant, blob_id), ignore_errors=True)

    def _renditions(self, tenant: str, blob_id: str) -> Path:
        return self._root / tenant / "renditions" / blob_id[:2] / blob_id


def _opener(path: str, flags: int) -> int:
    handle = os.open(path, flags, _MODE)
    # The mask of the process would keep the group out.
    os.fchmod(handle, _MODE)
    return handle


def _says_kept(file: os.stat_result) -> bool:
    return stat.S_IMODE(file.st_mode) != _MODE


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except FileNotFoundError:
        # Most folders are there already: they are made when one turns out not to be.
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


@contextmanager
def _there() -> Iterator[None]:
    """Count an absent file as a trouble: it is one where this process has just put it."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobsUnavailable(
            "The blob folder cannot be used: it is not where it was; bring it back, or restart."
        ) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the file system's troubles into ``BlobsUnavailable``; an absent file stays one."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise BlobsFull(
                f"The blob folder is full: {reason}. Nothing more is taken in until there is room."
            ) from error
        raise BlobsUnavailable(f"The blob folder cannot be used: {reason}.") from error
