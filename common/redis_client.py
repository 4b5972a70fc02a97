"""Connections to Redis that answer or fail in a bounded time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from common.errors import BrokerFull, BrokerUnavailable

# Seconds to wait for a connection to Redis. It is near, or it is down.
CONNECT_TIMEOUT_S = 1.0
# Seconds to wait for an answer of Redis.
SOCKET_TIMEOUT_S = 2.0
# First and longest pause between two tries, in seconds.
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.1, 2.0
# What Redis says where it has no memory left. Scripts of old versions say it within other
# words, so that the class of the error does not tell.
_OUT_OF_MEMORY = "command not allowed when used memory"

P = ParamSpec("P")
R = TypeVar("R")


def connect(url: str, retries: int = 0, connections: int | None = None) -> Redis:
    """Make a client; it connects on its first call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        retries: How often a call is tried again. None for those who have a
            caller waiting; more for a worker, who has time.
        connections: How many there are at most; past that a call fails. 100 unless it is given.
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
    """Let a method raise ``BrokerUnavailable`` where Redis does not answer, or is full."""

    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            raise broker_error(error) from error

    return translated


def broker_error(error: Exception) -> BrokerUnavailable:
    """Return what an error of Redis, or of a library on top of it, means to a caller."""
    if _OUT_OF_MEMORY in str(error):
        return BrokerFull("Redis has no memory left for more; try again in a minute.")
    return BrokerUnavailable("Redis does not answer; try again in a moment.")
