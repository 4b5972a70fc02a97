"""Keys in Redis: one hash of their immutable part, and one hash per mutable field."""

from __future__ import annotations

from redis import Redis

from common.keys.base import Key
from common.redis.client import broker_call

# The keys, the times of their revocations and the times of their last uses, by id. Separate hashes,
# so that recording a use cannot undo a revocation.
_KEYS, _REVOKED, _USED = "glimpse:keys", "glimpse:keys:revoked", "glimpse:keys:used"


class RedisKeys:
    """Stores keys in Redis without expiry.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def add(self, key: Key) -> None:
        """Store a key."""
        self._redis.hset(_KEYS, key.id, key.model_dump_json())

    @broker_call
    def find(self, key_id: str) -> Key | None:
        """Return a key, in one round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for name in (_KEYS, _REVOKED, _USED):
            pipe.hget(name, key_id)
        text, revoked_at, used_at = pipe.execute()
        return None if text is None else _key(text, revoked_at, used_at)

    @broker_call
    def all(self) -> list[Key]:
        """Return all keys, newest first."""
        pipe = self._redis.pipeline(transaction=False)
        for name in (_KEYS, _REVOKED, _USED):
            pipe.hgetall(name)
        texts, revoked, used = pipe.execute()
        keys = [_key(text, revoked.get(key), used.get(key)) for key, text in texts.items()]
        return sorted(keys, key=lambda key: (-key.created_at, key.id))

    @broker_call
    def exist(self) -> bool:
        """Return whether any key was ever added."""
        return bool(self._redis.exists(_KEYS))

    @broker_call
    def revoke(self, key_id: str, at: float) -> bool:
        """Revoke a key; the first revocation counts."""
        if not self._redis.hexists(_KEYS, key_id):
            return False
        self._redis.hsetnx(_REVOKED, key_id, repr(at))
        return True

    @broker_call
    def note_use(self, key_id: str, at: float) -> None:
        """Record when a key was used."""
        if self._redis.hexists(_KEYS, key_id):
            self._redis.hset(_USED, key_id, repr(at))


def _key(text: str, revoked_at: str | None, used_at: str | None) -> Key:
    times = {"revoked_at": _time(revoked_at), "used_at": _time(used_at)}
    return Key.model_validate_json(text).model_copy(update=times)


def _time(text: str | None) -> float | None:
    return None if text is None else float(text)
