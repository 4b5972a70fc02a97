"""Connections to Redis that answer or fail in a bounded time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from common.errors import BrokerUnavailable

# Seconds to wait for a connection to Redis. It is near, or it is down.
CONNECT_TIMEOUT_S = 1.0
# Seconds to wait for an answer of Redis.
SOCKET_TIMEOUT_S = 2.0
# First and longest pause between two tries, in seconds.
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.1, 2.0

P = ParamSpec("P")
R = TypeVar("R")


def connect(url: str, retries: int = 0) -> Redis:
    """Make a client; it connects on its first call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        retries: How often a call is tried again. None for those who have a
            caller waiting; more for a worker, who has time.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=_BACKOFF_CAP_S, base=_BACKOFF_BASE_S), retries),
        health_check_interval=30,
    )


def broker_call(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method raise ``BrokerUnavailable`` where Redis does not answer."""

    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            raise BrokerUnavailable("Redis does not answer; try again in a moment.") from error

    return translated
