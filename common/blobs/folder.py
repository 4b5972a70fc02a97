"""Blobs as files of one folder, which may be a volume that machines share."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
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
        with _translated(), _there():
            _move(self.path, self._store.path(self._tenant, blob_id))

    def discard(self) -> None:
        """Remove the file unless it has moved."""
        self._file.close()
        # Where that fails the folder is lost, and a sweep removes what is left of it.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class FolderBlobs:
    """Originals at ``TENANT/originals/ab/ID``, renditions at ``TENANT/renditions/ab/ID/NAME``.

    What was withdrawn is at ``TENANT/withdrawn/ab/ID``, its time being that of its file.

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

    def stored(self) -> Iterator[StoredBlob]:
        """Go through the blobs, in no order."""
        return self._found("originals")

    def withdraw(self, tenant: str, blob_id: str) -> None:
        """Take a blob out of sight and remove its renditions."""
        original = self.path(tenant, blob_id)
        with _translated():
            with suppress(FileNotFoundError):
                # Before the move, so that nobody finds it aside with the time of its upload.
                os.utime(original)
                _move(original, self._withdrawn(tenant, blob_id))
            self._remove_renditions(tenant, blob_id)

    def restore(self, tenant: str, blob_id: str) -> bool:
        """Bring a withdrawn blob back, in the place of the same one that may be there again."""
        with _translated(), suppress(FileNotFoundError):
            _move(self._withdrawn(tenant, blob_id), self.path(tenant, blob_id))
            return True
        return False

    def withdrawn(self) -> Iterator[StoredBlob]:
        """Go through the withdrawn blobs, in no order."""
        return self._found("withdrawn")

    def discard(self, tenant: str, blob_id: str) -> None:
        """Remove a withdrawn blob for good."""
        with _translated():
            self._withdrawn(tenant, blob_id).unlink(missing_ok=True)

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

    def _found(self, folder: str) -> Iterator[StoredBlob]:
        with _translated():
            for path in self._root.glob(f"*/{folder}/*/*"):
                with suppress(FileNotFoundError):
                    yield StoredBlob(path.parts[-4], path.name, path.stat().st_mtime)

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
