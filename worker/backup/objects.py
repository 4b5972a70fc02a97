"""The objects of a repository, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import threading

from common.errors import BackupDamaged
from worker.backup.repository import Repository


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
            state = "missing" if data is None else "damaged"
            raise BackupDamaged(
                f"The object {_name(digest)} in {self._repository.where} is {state}. Delete it if"
                " it is there, and back up again while the service has it; or restore an earlier"
                " backup with --at."
            )
        return data

    def _folder(self, digits: str) -> set[bytes]:
        if digits not in self._present:
            names = self._repository.names(f"objects/{digits}")
            self._present[digits] = {bytes.fromhex(name) for name in names if len(name) == 64}
        return self._present[digits]


def _name(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"
