"""Subscriptions to one channel, each on a connection that returns to its pool."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.connection import ConnectionInterface
from redis.exceptions import RedisError


class Subscription:
    """Receives the messages of a channel.

    Args:
        connection: Its commands and replies are the subscription's alone.
    """

    def __init__(self, connection: ConnectionInterface) -> None:
        self._connection = connection

    def message(self, timeout_s: float) -> str | None:
        """Wait for a message; None if there was none in time.

        Raises:
            RedisError: Redis does not answer.
        """
        deadline = time.monotonic() + timeout_s
        while self._connection.can_read(max(deadline - time.monotonic(), 0)):
            kind, data = self.read()
            if kind == "message":
                return data
        return None

    def read(self) -> tuple[str, str]:
        """Read the kind of the next message, which may confirm a command, and its text."""
        kind, _, data = self._connection.read_response(push_request=True)
        return kind, data


@contextmanager
def subscribed(redis: Redis, channel: str) -> Iterator[Subscription]:
    """Subscribe to a channel for the block.

    redis-py's ``PubSub`` closes its connection afterwards, and the next one takes four round trips.

    Args:
        redis: A client that decodes responses.
        channel: The channel.

    Raises:
        RedisError: Redis does not answer.
    """
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_command("SUBSCRIBE", channel)  # type: ignore[no-untyped-call]
        subscription = Subscription(connection)
        yield subscription
        _unsubscribe(connection, channel, subscription)
    except BaseException:
        # The next command would mistake unread replies for its own.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)


def _unsubscribe(connection: ConnectionInterface, channel: str, subscription: Subscription) -> None:
    try:
        # While subscribed, a check of the connection's health has another reply than expected.
        connection.send_command("UNSUBSCRIBE", channel, check_health=False)  # type: ignore[no-untyped-call]
        while subscription.read()[0] != "unsubscribe":
            pass
    except RedisError:
        connection.disconnect()  # type: ignore[no-untyped-call]
