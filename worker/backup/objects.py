"""The objects of a repository, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from common.errors import BackupDamaged
from worker.backup.repository import Repository

# Objects that a message names; their names fill a screen.
_NAMED_MAX = 20


class Objects:
    """Writes what a repository lacks, and verifies what it reads; thread-safe.

    An original's id is the SHA-256 of its bytes, so it has the same name whoever owns it.

    Args:
        repository: Holds the objects.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._lock = threading.Lock()
        # Digests that the repository has, by their first two digits. Takes 100 MB per million.
        self._present: dict[str, set[bytes]] = {}
        # Objects written by this process, and their bytes.
        self.written = 0
        self.written_bytes = 0

    def has(self, digest: str) -> bool:
        """Return whether the repository has an object; its bytes are not read."""
        with self._lock:
            return bytes.fromhex(digest) in self._folder(digest[:2])

    def put(self, data: bytes) -> str:
        """Write an object unless the repository has it; return its digest."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.has(digest):
            self._repository.put(_name(digest), data)
            with self._lock:
                self._folder(digest[:2]).add(bytes.fromhex(digest))
                self.written += 1
                self.written_bytes += len(data)
        return digest

    def get(self, digest: str) -> bytes:
        """Return an object's bytes.

        Raises:
            BackupDamaged: It is missing, or its bytes are not those that were written.
        """
        data = self._repository.get(_name(digest))
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise BackupDamaged(damage(self._repository, [digest]))
        return data

    def _folder(self, digits: str) -> set[bytes]:
        if digits not in self._present:
            names = self._repository.names(f"objects/{digits}")
            self._present[digits] = {bytes.fromhex(name) for name in names if len(name) == 64}
        return self._present[digits]


def damage(repository: Repository, lost: Sequence[str]) -> str:
    """Return what to do about objects that are missing or damaged.

    Args:
        repository: The place where they should be.
        lost: Their digests; at least one.
    """
    named = ", ".join(_name(digest) for digest in lost[:_NAMED_MAX])
    if len(lost) > _NAMED_MAX:
        named += f" and {len(lost) - _NAMED_MAX:,} more"
    return (
        f"Missing or damaged in {repository.where}: {named}. Delete what is there of these, and"
        " back up again while the service has them; or restore an earlier backup with --at."
    )


def _name(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"
