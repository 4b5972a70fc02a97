"""Task results that survive an outage of Redis."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from redis.exceptions import RedisError

from common.redis_address import RedisAddress
from common.redis_client import open_pool

log = logging.getLogger(__name__)

# Seconds between attempts to store a result.
_RETRY_S = 1.0


class PatientResults(RedisBackend):
    """Celery's Redis result backend, but a task's thread waits until its result is stored.

    Celery retries for a while if it is not connected, and not at all if Redis is
    full. Then it records the task as failed, which it is not, and if that cannot be
    stored either, it never acknowledges the message. When the worker shuts down,
    the thread stops waiting; the error it raises gives the message back.

    Args:
        address: Where Redis is.
        closing: Set when the worker shuts down.
        app: The worker's configured app.
    """

    def __init__(self, address: RedisAddress, closing: threading.Event, app: Celery) -> None:
        # Celery calls it with the options that it has read from a URL.
        super().__init__(app=app, connection_pool=lambda **_: open_pool(address))
        self._closing = closing
        # Create the client now: all threads share this object and must not create two.
        self.client  # noqa: B018

    def store_result(self, *args: Any, **kwargs: Any) -> Any:
        """Store a result, retrying until it succeeds or the worker shuts down."""
        while True:
            try:
                return super().store_result(*args, **kwargs)
            except (RedisError, OSError) as error:
                log.warning("result.not_stored task=%s %s", args[0], error)
                if self._gives_up() or self._closing.wait(_RETRY_S):
                    raise

    def ensure(self, fun: Callable[..., Any], args: Any, **_: Any) -> Any:
        """Call once: ``store_result`` does the retries, after any error."""
        return fun(*args)

    def _gives_up(self) -> bool:
        # Celery stores the results of tasks it refuses from its event loop, which must not block.
        return threading.current_thread() is threading.main_thread()
