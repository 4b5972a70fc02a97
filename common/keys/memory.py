"""Keys in this process's memory: the complete fake for tests."""

from __future__ import annotations

from common.errors import BrokerUnavailable
from common.keys.base import Key


class MemoryKeys:
    """Keys that last as long as the object."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        # Set it to play a Redis that is away.
        self.away = False
        # How often it was asked, for those who want to know what a cache is good for.
        self.asked = 0

    def add(self, key: Key) -> None:
        """Keep a key."""
        self._reach()[key.id] = key

    def find(self, key_id: str) -> Key | None:
        """Return a key."""
        return self._reach().get(key_id)

    def all(self) -> list[Key]:
        """Return every key, the newest first."""
        return sorted(self._reach().values(), key=lambda key: (-key.created_at, key.id))

    def exist(self) -> bool:
        """Tell whether there ever was a key."""
        return bool(self._reach())

    def revoke(self, key_id: str, at: float) -> bool:
        """Let a key open nothing from now on; the first revocation counts."""
        key = self._reach().get(key_id)
        if key is not None and key.revoked_at is None:
            self._keys[key_id] = key.model_copy(update={"revoked_at": at})
        return key is not None

    def note_use(self, key_id: str, at: float) -> None:
        """Remember when a key was used."""
        key = self._reach().get(key_id)
        if key is not None:
            self._keys[key_id] = key.model_copy(update={"used_at": at})

    def _reach(self) -> dict[str, Key]:
        self.asked += 1
        if self.away:
            raise BrokerUnavailable("The keys in memory play a Redis that is away.")
        return self._keys
