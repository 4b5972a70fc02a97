"""How many requests a key may make: one bound over all routes, and one count for all processes."""

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
from common.errors import BrokerUnavailable
from common.redis_client import connect

# The limiter's own lines repeat what the answers say.
logging.getLogger("flask-limiter").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Counters:
    """Where requests are counted, as the limiter's library takes it."""

    # Without more it is this process's memory: the complete fake for tests.
    uri: str = "memory://"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def in_redis(cls, url: str, connections: int) -> Counters:
        """Return counters in Redis, that answer or fail in a bounded time.

        Args:
            url: Of Redis.
            connections: How many there are at most: as many as requests at once.
        """
        # The pool knows the address; what the library would make of it has other timeouts.
        pool = connect(url, connections=connections).connection_pool
        options = {"connection_pool": pool, "wrap_exceptions": True}
        return cls("redis://", options)


def install(app: Flask, rate: str, counters: Counters) -> None:
    """Refuse what a key asks for past a rate, such as ``600/minute``; an empty one is none.

    Requests that need no key are not counted. While there are no keys, each address
    that requests come from has a count of its own.
    """
    if not rate:
        return
    limiter = Limiter(
        _whose,
        app=app,
        application_limits=[rate],
        application_limits_exempt_when=lambda: caller_or_none() is None,
        # One step of Redis for a request. Around the end of a window twice the rate may pass.
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
        del error
        detail = "Redis does not answer; try again in a moment."
        retry_after_s = BrokerUnavailable.retry_after_s
        return problem(503, BrokerUnavailable.code, detail, retry_after_s=retry_after_s)


def _whose() -> str:
    caller = caller_or_none()
    return (caller.key_id if caller else None) or f"without-key:{request.remote_addr}"
