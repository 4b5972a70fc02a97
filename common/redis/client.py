"""Redis clients whose calls answer or fail within a bounded time.

Every connection to Redis is made here, whichever library uses it: our own clients, Celery's
senders and consumers, its result backend, and the rate limiter.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from redis import ConnectionPool, Redis, SSLConnection
from redis.backoff import ExponentialBackoff
from redis.connection import Connection
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from common.errors import BrokerFull, BrokerUnavailable
from common.redis.address import RedisAddress
from common.redis.sentinels import PrimaryConnection, PrimaryTlsConnection, Sentinels

log = logging.getLogger(__name__)

# Seconds to wait for a connection to Redis. Redis is nearby, so a slower one means it is down.
CONNECT_TIMEOUT_S = 1.0
# Seconds to wait for a reply from Redis.
SOCKET_TIMEOUT_S = 2.0
# Seconds that a connection may be idle before it is checked with a PING.
_IDLE_S = 30
# First and longest delay between retries, in seconds.
_BACKOFF_BASE_S, _BACKOFF_CAP_S = 0.1, 2.0
# Parts of Redis's error messages when it is out of memory, has fewer replicas than it needs for a
# write, or cannot save. Old versions wrap the message if it comes from a script, so the class of
# the error is not enough.
_OUT_OF_MEMORY, _NO_REPLICAS = "command not allowed when used memory", "Not enough good replicas"
_CANNOT_SAVE = "MISCONF"

P = ParamSpec("P")
R = TypeVar("R")


def connect(address: RedisAddress | str, retries: int = 0, connections: int | None = None) -> Redis:
    """Return a client, which connects on its first call.

    Args:
        address: Where Redis is, or a URL without certificates.
        retries: Number of retries per call: 0 if a caller is waiting, more for a worker, which has
            time.
        connections: Maximum number of connections, past which a call fails; None allows 100.
    """
    pool = open_pool(address, retries=retries, connections=connections, decode_responses=True)
    return Redis.from_pool(pool)


def open_pool(
    address: RedisAddress | str,
    *,
    retries: int = 0,
    connections: int | None = None,
    decode_responses: bool = False,
    kind: type[Connection] | None = None,
) -> ConnectionPool:
    """Return a pool of connections for a library that has a client of its own.

    Args:
        address: Where Redis is, or a URL without certificates.
        retries: Number of retries per call.
        connections: Maximum number of connections; None allows 100.
        decode_responses: Whether replies are text, not bytes.
        kind: A subclass of the address's ``connection_kind``.
    """
    if isinstance(address, str):
        address = RedisAddress.parse(address)
    common = _common_options(address)
    options: dict[str, Any] = {
        **common,
        "username": address.login.user,
        "password": address.login.password,
        "db": address.db,
        "decode_responses": decode_responses,
        "retry": Retry(ExponentialBackoff(cap=_BACKOFF_CAP_S, base=_BACKOFF_BASE_S), retries),
        "health_check_interval": _IDLE_S,
        "max_connections": connections,
        "connection_class": kind or connection_kind(address),
    }
    if address.primary is None:
        ((host, port),) = address.hosts
        return ConnectionPool(host=host, port=port, **options)
    ssl = {"ssl": True} if address.tls else {}
    sentinels = Sentinels(address, common | ssl)
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]
        address.primary, sentinels, **options
    )


def connection_kind(address: RedisAddress) -> type[Connection]:
    """Return the class of connections to an address."""
    if address.primary is None:
        return SSLConnection if address.tls else Connection
    return PrimaryTlsConnection if address.tls else PrimaryConnection


def _common_options(address: RedisAddress) -> dict[str, Any]:
    """Return the options of connections both to Redis and to sentinels."""
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_keepalive": True,
    }
    if (tls := address.tls) is not None:
        options |= {"ssl_ca_certs": tls.ca, "ssl_certfile": tls.cert, "ssl_keyfile": tls.key}
    return options


def broker_call(method: Callable[P, R]) -> Callable[P, R]:
    """Make a method raise ``BrokerUnavailable`` if Redis does not answer or cannot write."""

    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            raise broker_error(error) from error

    return translated


def broker_error(error: Exception) -> BrokerUnavailable:
    """Translate an error of Redis, or of a library that uses Redis."""
    text = str(error)
    if _OUT_OF_MEMORY in text:
        return BrokerFull("Redis is out of memory. Try again in a minute.")
    if _NO_REPLICAS in text:
        return BrokerUnavailable("Redis has too few replicas to write. Try again in a moment.")
    if cannot_save(error):
        return BrokerUnavailable(
            "Redis cannot save to its disk, which may be full. Free space on it."
        )
    if isinstance(error, AuthenticationError | NoPermissionError):
        # For the operator: callers should not learn the user's name.
        log.error("redis.refused %s", text)
        return BrokerUnavailable("Redis refuses the service's user. The service's log says why.")
    return BrokerUnavailable("Redis does not answer. Try again in a moment.")


def cannot_save(error: Exception) -> bool:
    """Return whether Redis refuses to write because it cannot save."""
    return _CANNOT_SAVE in str(error)
