"""Delivered messages as kombu keeps them in Redis: noted, stamped, settled, or put back.

kombu has a hash of what was delivered, by delivery tag, and a sorted set with the
time of each tag's last stamp; whoever looks puts back what was not stamped for
longer than a lease. What is written here is what kombu writes. But every change
is one step, so that nothing is lost between two, and none needs the channel that
delivered the message: it may be closed by then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from kombu.transport.redis import Channel
from kombu.utils.json import dumps, loads
from redis import Redis

from common.redis_client import broker_call
from common.redis_scripts import RedisScript
from common.redis_time import RedisClock

# Most messages that one look puts back.
_ABANDONED_MAX = 100

# Consumers take from the right end of the list.
_LAST, _FIRST = "LPUSH", "RPUSH"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as it was delivered.

    Attributes:
        tag: Its delivery tag, which it keeps when it is delivered again.
        queue: The queue it goes back into.
        content: The message itself, as kombu has it.
        exchange: What it was sent to; kombu keeps it beside the message.
    """

    tag: str
    queue: str
    content: dict[str, Any]
    exchange: str = ""

    def entry(self) -> str:
        """Return what stands in the hash."""
        return dumps([self.content, self.exchange, self.queue])

    def again(self) -> str:
        """Return what is put back into the queue: the message, marked as delivered before."""
        content = cast("dict[str, Any]", loads(dumps(self.content)))
        content["headers"]["redelivered"] = True
        content["properties"]["delivery_info"]["redelivered"] = True
        return dumps(content)


class Messages(Protocol):
    """Where delivered messages are kept; every method raises ``BrokerUnavailable``."""

    def ping(self) -> None:
        """Return if anything can be told."""
        ...

    def note(self, message: Delivered) -> None:
        """Keep a message that was delivered, stamped with this moment."""
        ...

    def renew(self, tags: Iterable[str]) -> None:
        """Stamp messages anew; one that was settled or taken meanwhile does not come to life."""
        ...

    def settle(self, tag: str) -> None:
        """Forget a message: it is done with."""
        ...

    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back into its queue, unless another has it by now.

        Args:
            message: The message.
            last: Whether all others come before it.
            noted: Whether it is known to have been noted; else it is put back in any case.
        """
        ...

    def put_back_abandoned(self, age_s: float) -> None:
        """Put back, before all others, what was not stamped for so many seconds."""
        ...


class MemoryMessages:
    """Delivered messages in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        # Entries and stamps by tag, and what was put back: a message, and whether as the last.
        self.entries: dict[str, Delivered] = {}
        self.stamps: dict[str, float] = {}
        self.back: list[tuple[Delivered, bool]] = []

    def ping(self) -> None:
        """Return."""

    def note(self, message: Delivered) -> None:
        """Keep a message."""
        self.entries[message.tag] = message
        self.stamps[message.tag] = time.time()

    def renew(self, tags: Iterable[str]) -> None:
        """Stamp messages anew."""
        self.stamps |= dict.fromkeys(self.stamps.keys() & set(tags), time.time())

    def settle(self, tag: str) -> None:
        """Forget a message."""
        self.entries.pop(tag, None)
        self.stamps.pop(tag, None)

    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back, unless another has it."""
        if message.tag in self.entries or not noted:
            self.back.append((message, last))
        self.settle(message.tag)

    def put_back_abandoned(self, age_s: float) -> None:
        """Put back what was not stamped for so long."""
        limit = time.time() - age_s
        for tag in [tag for tag, stamp in self.stamps.items() if stamp <= limit]:
            self.put_back(self.entries[tag], last=False)


class RedisMessages:
    """Delivered messages in Redis, where kombu keeps them.

    Args:
        redis: A client of the broker's database that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        # Stamps are compared by other workers, whose machines' clocks may differ.
        self._clock = RedisClock(redis)
        self._script = RedisScript(redis, "worker/delivery/lua/put_back.lua")

    @broker_call
    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()

    @broker_call
    def note(self, message: Delivered) -> None:
        """Keep a message; never one half of it, which no look would find."""
        with self._redis.pipeline() as pipe:
            pipe.zadd(Channel.unacked_index_key, {message.tag: self._clock.now()})
            pipe.hset(Channel.unacked_key, message.tag, message.entry())
            pipe.execute()

    @broker_call
    def renew(self, tags: Iterable[str]) -> None:
        """Stamp messages anew."""
        stamps = dict.fromkeys(tags, self._clock.now())
        if stamps:
            self._redis.zadd(Channel.unacked_index_key, stamps, xx=True)

    @broker_call
    def settle(self, tag: str) -> None:
        """Forget a message; in no transaction, which a Redis that is full would refuse."""
        with self._redis.pipeline(transaction=False) as pipe:
            # In this order: a stamp that is left over is found and removed.
            pipe.hdel(Channel.unacked_key, tag)
            pipe.zrem(Channel.unacked_index_key, tag)
            pipe.execute()

    @broker_call
    def put_back(self, message: Delivered, *, last: bool, noted: bool = True) -> None:
        """Put a message back, unless another has it."""
        self._put_back(message, last=last, noted=noted)

    @broker_call
    def put_back_abandoned(self, age_s: float) -> None:
        """Put back what was not stamped for so long."""
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
        self._script(
            unacked_key=Channel.unacked_key,
            unacked_index_key=Channel.unacked_index_key,
            queue_key=message.queue,
            tag=message.tag,
            stamped_until="" if limit is None else limit,
            even_if_missing=int(not noted),
            push=_LAST if last else _FIRST,
            message=message.again(),
        )
