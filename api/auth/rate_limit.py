"""The rate limit of each key: one limit for all routes, counted across all processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.errors import StorageError

from api.auth.caller import caller_or_none
from api.http.problems import problem
from common.redis.address import RedisAddress
from common.redis.client import broker_error, open_pool

# The limiter's own log lines repeat what the responses say.
logging.getLogger("flask-limiter").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Counters:
    """Where requests are counted, in the limiter library's terms."""

    # By default this process's memory: the complete fake for tests.
    uri: str = "memory://"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def in_redis(cls, address: RedisAddress | str, connections: int) -> Counters:
        """Return counters in Redis that answer or fail within a bounded time.

        Args:
            address: Where Redis is.
            connections: Connections at most: as many as concurrent requests.
        """
        # Pass our own pool: the library's would have other timeouts.
        pool = open_pool(address, connections=connections, decode_responses=True)
        options = {"connection_pool": pool, "wrap_exceptions": True}
        return cls("redis://", options)


def install(app: Flask, rate: str, counters: Counters) -> None:
    """Refuse requests beyond a key's rate, such as ``600/minute``; an empty rate is no limit.

    Requests that need no key are not counted. While there are no keys, requests are
    counted by client address.
    """
    if not rate:
        return
    limiter = Limiter(
        _whose,
        app=app,
        application_limits=[rate],
        application_limits_exempt_when=lambda: caller_or_none() is None,
        # One Redis command per request. Around a window's end, twice the rate may pass.
        strategy="fixed-window",
        storage_uri=counters.uri,
        storage_options=dict(counters.options),
        key_prefix="glimpse",
    )

    @app.errorhandler(RateLimitExceeded)
    def refuse(error: RateLimitExceeded) -> Response:
        at = limiter.current_limit.reset_at if limiter.current_limit else time.time()
        retry_after_s = max(1, int(at - time.time()))
        detail = f"The key may make {error.description}; try again in {retry_after_s} s."
        return problem(429, "rate_limited", detail, retry_after_s=retry_after_s)

    @app.errorhandler(StorageError)
    def fail(error: StorageError) -> Response:
        refused = broker_error(error.storage_error)
        return problem(503, refused.code, str(refused), retry_after_s=refused.retry_after_s)


def _whose() -> str:
    caller = caller_or_none()
    return (caller.key_id if caller else None) or f"without-key:{request.remote_addr}"
