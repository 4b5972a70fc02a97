"""Read marks in Redis: a hash of times, and one of the epochs in which they were established."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis

from common.contract import AsOf
from common.read_marks.base import ReadMark
from common.redis.client import broker_call
from common.redis.scripts import RedisScript, Value

# Times, and the epochs in which they were established, by collection. ``common/jobs`` raises the
# times, too.
TIMES_KEY, _EPOCHS_KEY = "glimpse:marks", "glimpse:marks:epochs"


class RedisReadMarks:
    """Stores read marks in Redis without expiry.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._read = RedisScript(redis, "common/read_marks/lua/read.lua")
        self._advance = RedisScript(redis, "common/read_marks/lua/advance.lua")

    @broker_call
    def read(self) -> AsOf:
        """Return the established marks, and the epoch in which to establish others."""
        epoch, *found = cast("list[str]", self._read(**marks_keys()))
        return AsOf(epoch=epoch, times=dict(zip(found[::2], found[1::2], strict=True)))

    @broker_call
    def advance(self, marks: Sequence[ReadMark]) -> None:
        """Raise marks to the given times, unless they are later."""
        self._advance(marks_key=TIMES_KEY, marks=list(marks))

    @broker_call
    def establish(self, mark: ReadMark, epoch: str) -> None:
        """Raise a mark, and make it count for an epoch."""
        # In this order: a mark that counts is never below the established time.
        self.advance([mark])
        self._redis.hset(_EPOCHS_KEY, mark.collection, epoch)


def marks_keys() -> dict[str, Value]:
    """Return the keys of the established marks, by their names in scripts."""
    return {"marks_key": TIMES_KEY, "epochs_key": _EPOCHS_KEY}
