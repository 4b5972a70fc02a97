"""Delivered messages as kombu keeps them in Redis: noted, stamped, settled, or put back.

kombu keeps a hash of delivered messages by delivery tag, and a sorted set with
the time of each tag's last stamp; a message not stamped for longer than a lease
is put back. This module writes the same format as kombu. But every change is
atomic, so that a crash loses nothing, and none needs the channel that delivered
the message, which may be closed by then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from kombu.transport.redis import Channel
from kombu.utils.json import dumps, loads
from redis import Redis

from common.jobs.fields import job_key
from common.jobs.redis import QUEUED_PREFIX
from common.jobs.tasks import job_of_task
from common.redis.client import broker_call
from common.redis.scripts import RedisScript
from common.redis.time import RedisClock

# Maximum messages put back per call of ``put_back_abandoned``.
_ABANDONED_MAX = 100

# Consumers take from the right end of the list.
_LAST, _FIRST = "LPUSH", "RPUSH"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as it was delivered.

    Attributes:
        tag: Its delivery tag, which it keeps when it is redelivered.
        queue: The queue it came from, and is put back into.
        content: The message itself, in kombu's format.
        exchange: The exchange it was sent to; kombu stores it with the message.
    """

    tag: str
    queue: str
    content: dict[str, Any]
    exchange: str = ""

    def entry(self) -> str:
        """Return its entry in the hash."""
        return dumps([self.content, self.exchange, self.queue])

    def redelivery(self) -> str:
        """Return the message to put back into the queue, marked as redelivered."""
        content = cast("dict[str, Any]", loads(dumps(self.content)))
        content["headers"]["redelivered"] = True
        content["properties"]["delivery_info"]["redelivered"] = True
        return dumps(content)


class Messages(Protocol):
    """Stores delivered messages; every method raises ``BrokerUnavailable``."""

    def ping(self) -> None:
        """Return if the store can be written to."""
        ...

    def note(self, message: Delivered) -> None:
        """Store a delivered message, stamped with the current time."""
        ...

    def renew(self, tags: Iterable[str]) -> None:
        """Renew the stamps of messages, except those settled or put back meanwhile."""
        ...

    def settle(self, tag: str) -> bool:
        """Remove a message whose task need not be run again; return whether it was stored."""
        ...

    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back into its queue, unless another worker has it by now.

        Args:
            message: The message.
            last: Whether it goes to the end of the queue.
            noted: Whether it is known to be stored; if not, it is put back in any case.
        """
        ...

    def put_back_abandoned(self, age_s: float) -> None:
        """Put messages not stamped for ``age_s`` seconds back, before all others."""
        ...


class MemoryMessages:
    """Delivered messages in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        # Entries and stamps by tag; messages put back, each with its ``last``.
        self.entries: dict[str, Delivered] = {}
        self.stamps: dict[str, float] = {}
        self.back: list[tuple[Delivered, bool]] = []

    def ping(self) -> None:
        """Do nothing: memory is always writable."""

    def note(self, message: Delivered) -> None:
        """Store a message."""
        self.entries[message.tag] = message
        self.stamps[message.tag] = time.time()

    def renew(self, tags: Iterable[str]) -> None:
        """Renew the stamps of messages."""
        self.stamps |= dict.fromkeys(self.stamps.keys() & set(tags), time.time())

    def settle(self, tag: str) -> bool:
        """Remove a message; return whether it was stored."""
        self.stamps.pop(tag, None)
        return self.entries.pop(tag, None) is not None

    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back, unless another worker has it."""
        if message.tag in self.entries or not noted:
            self.back.append((message, last))
        self.settle(message.tag)

    def put_back_abandoned(self, age_s: float) -> None:
        """Put back messages not stamped for ``age_s`` seconds."""
        limit = time.time() - age_s
        for tag in [tag for tag, stamp in self.stamps.items() if stamp <= limit]:
            self.put_back(self.entries[tag], last=False)


class RedisMessages:
    """Delivered messages in Redis, in kombu's keys.

    Args:
        redis: A client of the broker's database that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        # Redis's time, since other workers compare the stamps and their clocks may differ.
        self._clock = RedisClock(redis)
        self._script = RedisScript(redis, "worker/delivery/lua/put_back.lua")

    @broker_call
    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()

    @broker_call
    def note(self, message: Delivered) -> None:
        """Store a message's stamp and entry in one transaction; half of it would be lost."""
        with self._redis.pipeline() as pipe:
            pipe.zadd(Channel.unacked_index_key, {message.tag: self._clock.now()})
            pipe.hset(Channel.unacked_key, message.tag, message.entry())
            pipe.execute()

    @broker_call
    def renew(self, tags: Iterable[str]) -> None:
        """Renew the stamps of messages."""
        stamps = dict.fromkeys(tags, self._clock.now())
        if stamps:
            self._redis.zadd(Channel.unacked_index_key, stamps, xx=True)

    @broker_call
    def settle(self, tag: str) -> bool:
        """Remove a message, without a transaction, which Redis would refuse if full."""
        with self._redis.pipeline(transaction=False) as pipe:
            # In this order, because a stamp without an entry is found and removed later.
            pipe.hdel(Channel.unacked_key, tag)
            pipe.zrem(Channel.unacked_index_key, tag)
            removed, _ = pipe.execute()
        return bool(removed)

    @broker_call
    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back, unless another worker has it."""
        self._put_back(message, last=last, noted=noted)

    @broker_call
    def put_back_abandoned(self, age_s: float) -> None:
        """Put back messages not stamped for ``age_s`` seconds."""
        limit = self._clock.now() - age_s
        tags = cast(
            "list[str]",
            self._redis.zrange(
                Channel.unacked_index_key,
                "-inf",
                limit,
                byscore=True,
                offset=0,
                num=_ABANDONED_MAX,
            ),
        )
        for tag in tags:
            entry = cast("str | None", self._redis.hget(Channel.unacked_key, tag))
            if entry is None:
                self._redis.zrem(Channel.unacked_index_key, tag)
            else:
                content, exchange, queue = loads(entry)
                message = Delivered(tag, queue, content, exchange)
                self._put_back(message, last=False, limit=limit)

    def _put_back(
        self, message: Delivered, *, last: bool, noted: bool = True, limit: float | None = None
    ) -> None:
        job_id = job_of_task(str(message.content["headers"].get("id")))
        self._script(
            unacked_key=Channel.unacked_key,
            unacked_index_key=Channel.unacked_index_key,
            queue_key=message.queue,
            tag=message.tag,
            stamped_until="" if limit is None else limit,
            even_if_missing=int(not noted),
            push=_LAST if last else _FIRST,
            message=message.redelivery(),
            job_key=job_key(job_id),
            job_id=job_id,
            queued_prefix=QUEUED_PREFIX,
        )
