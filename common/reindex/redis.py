"""The reindex in Redis: a hash, the set of its open slices, and a hash of failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis

from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.reindex.base import SLICES, Reindex, ReindexState

_REINDEX = "glimpse:reindex"
_OPEN = "glimpse:reindex:open"
_FAILURES = "glimpse:reindex:failures"

# Fields that are counted from the other keys.
_DERIVED = {"failed", "slices_done"}


class RedisReindexes:
    """Stores the last reindex in Redis without expiry.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._start = RedisScript(redis, "common/reindex/lua/start.lua")
        self._advance = RedisScript(redis, "common/reindex/lua/advance.lua")
        self._update = RedisScript(redis, "common/reindex/lua/update.lua")

    @broker_call
    def start(self, reindex: Reindex) -> bool:
        """Store a new reindex; return False if one is running."""
        fields = reindex.model_dump(exclude_none=True, exclude=_DERIVED)
        return bool(
            self._start(
                reindex_key=_REINDEX,
                open_key=_OPEN,
                failures_key=_FAILURES,
                fields=_flat(fields),
                slices=SLICES,
            )
        )

    @broker_call
    def get(self) -> Reindex | None:
        """Return the last reindex, or None if there was none."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(_REINDEX)
        pipe.scard(_OPEN)
        pipe.hlen(_FAILURES)
        fields, left, failed = pipe.execute()
        if not fields:
            return None
        done = len(SLICES) - left
        return Reindex.model_validate({**fields, "slices_done": done, "failed": failed})

    @broker_call
    def is_running(self, reindex_id: str) -> bool:
        """Return whether this reindex is running."""
        return self._redis.hmget(_REINDEX, "id", "state") == [reindex_id, "running"]

    def note(self, reindex_id: str, *, embedded: int, images: int, present: int) -> None:
        """Add embedded images, and store the latest counts of rows."""
        self._change(reindex_id, {"images": images, "present": present}, embedded=embedded)

    @broker_call
    def fail(self, reindex_id: str, tenant: str, image_id: str, code: str) -> None:
        """Note why an image cannot be embedded."""
        if self.is_running(reindex_id):
            self._redis.hset(_FAILURES, f"{tenant}/{image_id}", code)

    @broker_call
    def slice_done(self, reindex_id: str, number: int, name: str) -> bool:
        """Mark a slice of a pass as done; return whether it was the last open one, once."""
        last = self._advance(
            reindex_key=_REINDEX,
            open_key=_OPEN,
            reindex_id=reindex_id,
            number=number,
            slice=name,
        )
        return bool(last)

    @broker_call
    def open_slices(self, reindex_id: str) -> Sequence[str]:
        """Return the slices of the current pass that are not done."""
        if not self.is_running(reindex_id):
            return []
        return sorted(cast("set[str]", self._redis.smembers(_OPEN)))

    def next_pass(self, reindex: Reindex) -> bool:
        """Start the pass after this one; return False if that has happened or it ended."""
        fields = {
            "number": reindex.number + 1,
            "embedded_before": reindex.embedded,
            "images_before": reindex.images,
        }
        return self._change(reindex.id, fields, number=reindex.number, slices=SLICES)

    def end(
        self, reindex: Reindex, state: ReindexState, now: float, detail: str | None = None
    ) -> bool:
        """End a reindex; return False if it is not running."""
        fields = {"state": state, "ended_at": now}
        return self._change(reindex.id, fields | ({"detail": detail} if detail else {}))

    @broker_call
    def _change(
        self,
        reindex_id: str,
        fields: Mapping[str, Any],
        *,
        number: int | str = "",
        embedded: int = 0,
        slices: Sequence[str] = (),
    ) -> bool:
        changed = self._update(
            reindex_key=_REINDEX,
            open_key=_OPEN,
            reindex_id=reindex_id,
            number=number,
            embedded=embedded,
            fields=_flat(fields),
            slices=slices,
        )
        return bool(changed)


def _flat(fields: Mapping[str, Any]) -> list[str]:
    """Return fields as alternating names and values, as Redis takes them."""
    return [str(part) for pair in fields.items() for part in pair]
