"""Dead letters in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from common.cursors import read_cursor
from common.dead_letters.base import DeadLetter, busy_letter, cursor_of, no_letter


class MemoryDeadLetters:
    """Stores dead letters for the lifetime of the object."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str], DeadLetter] = {}
        # The owner of each leased letter, and when the lease expires (time.monotonic).
        self._leases: dict[tuple[str, str], tuple[str, float]] = {}
        self._lock = threading.Lock()

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters."""
        self._letters |= {(letter.tenant, letter.id): letter for letter in letters}

    def get(self, tenant: str, image_id: str) -> DeadLetter:
        """Return a letter."""
        try:
            return self._letters[tenant, image_id]
        except KeyError:
            raise no_letter(image_id) from None

    def take(self, tenant: str, image_id: str, owner: str, lease_s: float) -> DeadLetter:
        """Return a letter, leased to an owner."""
        with self._lock:
            letter = self.get(tenant, image_id)
            holder, until = self._leases.get((tenant, image_id), (owner, 0.0))
            now = time.monotonic()
            if holder != owner and until > now:
                raise busy_letter(image_id)
            self._leases[tenant, image_id] = owner, now + lease_s
            return letter

    def give_back(self, tenant: str, image_id: str, owner: str) -> None:
        """Release the lease on a letter."""
        with self._lock:
            if self._leases.get((tenant, image_id), ("", 0.0))[0] == owner:
                del self._leases[tenant, image_id]

    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter; with ``job_id``, only a letter of that job."""
        letter = self._letters.get((tenant, image_id))
        if letter is None or job_id not in (None, letter.job_id):
            return False
        del self._letters[tenant, image_id]
        return True

    def count(self) -> int:
        """Return the number of letters of all tenants."""
        return len(self._letters)

    def tenants(self) -> list[str]:
        """Return the tenants that have letters, sorted."""
        return sorted({tenant for tenant, _ in self._letters})

    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return a page of a tenant's letters, newest first."""
        newest = sorted(
            (letter for letter in self._letters.values() if letter.tenant == tenant),
            key=lambda letter: (letter.at, letter.id),
            reverse=True,
        )
        if cursor is not None:
            last = read_cursor(cursor)
            newest = [letter for letter in newest if (letter.at, letter.id) < last]
        shown = newest[:limit]
        return shown, cursor_of(shown[-1]) if len(newest) > limit else None
