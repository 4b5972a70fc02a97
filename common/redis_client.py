"""Redis clients whose calls answer or fail within a bounded time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from common.errors import BrokerFull, BrokerUnavailable

# Seconds to wait for a connection to Redis. Redis is nearby, so a slower one means it is down.
CONNECT_TIMEOUT_S = 1.0
# Seconds to wait for a reply from Redis.
SOCKET_TIMEOUT_S = 2.0
# First and longest delay between retries, in seconds.
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.1, 2.0
# Part of Redis's error message when it is out of memory. Old versions wrap the message if it comes
# from a script, so the class of the error is not enough.
_OUT_OF_MEMORY = "command not allowed when used memory"

P = ParamSpec("P")
R = TypeVar("R")


def connect(url: str, retries: int = 0, connections: int | None = None) -> Redis:
    """Return a client, which connects on its first call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        retries: Number of retries per call: 0 if a caller is waiting, more for a worker, which has
            time.
        connections: Maximum number of connections, past which a call fails; None allows 100.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        max_connections=connections,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=_BACKOFF_CAP_S, base=_BACKOFF_BASE_S), retries),
        health_check_interval=30,
    )


def broker_call(method: Callable[P, R]) -> Callable[P, R]:
    """Make a method raise ``BrokerUnavailable`` if Redis does not answer or is full."""

    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            raise broker_error(error) from error

    return translated


def broker_error(error: Exception) -> BrokerUnavailable:
    """Translate an error of Redis, or of a library that uses Redis."""
    if _OUT_OF_MEMORY in str(error):
        return BrokerFull("Redis is out of memory. Try again in a minute.")
    return BrokerUnavailable("Redis does not answer. Try again in a moment.")
