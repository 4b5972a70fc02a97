"""Keys as one process of the API knows them: read from Redis, and kept for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from common.errors import BrokerUnavailable
from common.keys.base import Key, Keys

log = logging.getLogger(__name__)

# Seconds between two times that a key's use is written down: nobody needs to know it better.
_USE_S = 3600


class KeyCache:
    """Finds keys, so that Redis is not asked in every request.

    What is not known is asked for each time, so a new key works at once. A key that
    is known is asked for again after some seconds, and until then works although it
    was revoked. Where Redis is away a key that is not known opens nothing.

    Args:
        keys: Where they are kept.
        fresh_s: Seconds that an answer is good for.
        now: A clock that only goes forward, in seconds.
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
        # Keys by their ids, and until when each is good. Only ids that exist get in.
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

        Once it had one this process never takes it for open again, whatever becomes
        of what Redis holds.
        """
        if self._closed or self._now() < self._open_until:
            return self._closed
        asked_at = self._now()
        self._closed = self._keys.exist()
        self._open_until = asked_at + self._fresh_s
        return self._closed

    def note_use(self, key: Key, at: float) -> None:
        """Write down that a key was used, unless that was done within the hour."""
        if key.used_at is not None and at - key.used_at < _USE_S:
            return
        until, _ = self._found.get(key.id, (0.0, key))
        self._found[key.id] = until, key.model_copy(update={"used_at": at})
        try:
            self._keys.note_use(key.id, at)
        except BrokerUnavailable as error:
            # A Redis that is full still lets its keys be used.
            log.warning("key.use_not_noted key=%s code=%s", key.id, error.code)
