"""Digests of large files, kept in the cache for as long as the files stay as they are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from worker.cache_files import keep_record, read_record

# Kind of the digest of a model's parameters (``worker.encoders.parameters``); it changes with what
# that covers, and with how weights are read.
PARAMETERS = "parameters-1"

# Seconds for which a file that changed may change again without another time of change.
_SETTLED_S = 2.0


def sha256_of(path: Path) -> str:
    """Return the lower-case hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileDigests:
    """Digests of files, computed once for each version of a file.

    A file is known by its place, its size and the times that the filesystem notes. One of them is
    that of the inode, which no program can set: a copy over the file with its old date is noticed.

    Args:
        cache_dir: Folder of values that are computed once.
        settled_s: Seconds since the last change of a file whose digest is kept.
    """

    def __init__(self, cache_dir: Path, settled_s: float = _SETTLED_S) -> None:
        self._folder = cache_dir / "digests"
        self._settled_s = settled_s

    def sha256_of(self, path: Path) -> str:
        """Return the lower-case hexadecimal SHA-256 of a file.

        Raises:
            OSError: The file cannot be read.
        """
        return self.of(path, "sha256", lambda: sha256_of(path))

    def of(self, path: Path, kind: str, compute: Callable[[], str]) -> str:
        """Return a digest of a file; compute it if the file is new or has changed.

        Args:
            path: The file.
            kind: What the digest is of; part of a file's name.
            compute: Returns the digest.

        Raises:
            OSError: The file cannot be read.
        """
        if (known := self.known(path, kind)) is not None:
            return known
        version = version_of(path)
        settled = is_settled(path, version, self._settled_s)
        digest = compute()
        if settled and version_of(path) == version:
            fact = {"path": str(path), "version": version, "digest": digest}
            keep_record(self._kept(path, kind), fact)
        return digest

    def known(self, path: Path, kind: str) -> str | None:
        """Return a digest of a file that was computed earlier; None if it has to be computed.

        Raises:
            OSError: The file cannot be read.
        """
        found = read_record(self._kept(path, kind)) or {}
        unchanged = "digest" in found and found.get("version") == version_of(path)
        return str(found["digest"]) if unchanged else None

    def _kept(self, path: Path, kind: str) -> Path:
        place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
        return self._folder / f"{place}-{kind}.json"


def version_of(path: Path) -> list[int]:
    """Return what changes with a file: its place, its size and its times, as JSON can express it.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_settled(path: Path, version: list[int], settled_s: float = _SETTLED_S) -> bool:
    """Return whether a file has not changed since a version of it, and could not unnoticed.

    Raises:
        OSError: There is no such file.
    """
    return version_of(path) == version and time.time() - path.stat().st_ctime >= settled_s
