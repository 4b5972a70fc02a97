"""Keys in this process's memory: the complete fake for tests."""

from __future__ import annotations

from common.errors import BrokerUnavailable
from common.keys.base import Key


class MemoryKeys:
    """Stores keys for the lifetime of the object."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        # Set it to simulate an outage of Redis.
        self.is_down = False
        # Number of calls, for tests of a cache.
        self.calls = 0

    def add(self, key: Key) -> None:
        """Store a key."""
        self._access()[key.id] = key

    def find(self, key_id: str) -> Key | None:
        """Return a key."""
        return self._access().get(key_id)

    def all(self) -> list[Key]:
        """Return all keys, newest first."""
        return sorted(self._access().values(), key=lambda key: (-key.created_at, key.id))

    def exist(self) -> bool:
        """Return whether any key was ever added."""
        return bool(self._access())

    def revoke(self, key_id: str, at: float) -> bool:
        """Revoke a key; the first revocation counts."""
        key = self._access().get(key_id)
        if key is not None and key.revoked_at is None:
            self._keys[key_id] = key.model_copy(update={"revoked_at": at})
        return key is not None

    def note_use(self, key_id: str, at: float) -> None:
        """Record when a key was used."""
        key = self._access().get(key_id)
        if key is not None:
            self._keys[key_id] = key.model_copy(update={"used_at": at})

    def _access(self) -> dict[str, Key]:
        self.calls += 1
        if self.is_down:
            raise BrokerUnavailable("MemoryKeys simulates an outage of Redis.")
        return self._keys
