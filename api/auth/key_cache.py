"""One process's cache of API keys, read from Redis."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from common.errors import BrokerUnavailable
from common.keys.base import Key, Keys

log = logging.getLogger(__name__)

# Seconds between two writes of a key's last use; nothing needs a finer value.
_USE_S = 3600


class KeyCache:
    """Caches keys, so that not every request reads Redis.

    Unknown keys are looked up every time, so a new key works at once. A cached key is
    read again after some seconds, so a revoked key works until then. While Redis is
    unavailable, only cached keys grant access.

    Args:
        keys: The store of keys.
        fresh_s: Seconds for which a key is cached.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        keys: Keys,
        fresh_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._fresh_s = fresh_s
        self._now = now
        # Keys by id, and when each expires. Ids that do not exist are never cached.
        self._found: dict[str, tuple[float, Key]] = {}
        self._closed = False
        self._open_until = -1.0

    def find(self, key_id: str) -> Key | None:
        """Return a key; raises ``BrokerUnavailable``."""
        until, known = self._found.get(key_id, (0.0, None))
        if known is not None and self._now() < until:
            return known
        asked_at = self._now()
        key = self._keys.find(key_id)
        if key is None:
            self._found.pop(key_id, None)
        else:
            self._found[key_id] = asked_at + self._fresh_s, key
        return key

    def exist(self) -> bool:
        """Tell whether the service has keys; raises ``BrokerUnavailable``.

        Once this process has seen a key, it never treats the service as open again,
        even if Redis loses its data.
        """
        if self._closed or self._now() < self._open_until:
            return self._closed
        asked_at = self._now()
        self._closed = self._keys.exist()
        self._open_until = asked_at + self._fresh_s
        return self._closed

    def note_use(self, key: Key, at: float) -> None:
        """Record that a key was used, at most once an hour."""
        if key.used_at is not None and at - key.used_at < _USE_S:
            return
        until, _ = self._found.get(key.id, (0.0, key))
        self._found[key.id] = until, key.model_copy(update={"used_at": at})
        try:
            self._keys.note_use(key.id, at)
        except BrokerUnavailable as error:
            # A full Redis must not block the use of keys.
            log.warning("key.use_not_noted key=%s code=%s", key.id, error.code)
