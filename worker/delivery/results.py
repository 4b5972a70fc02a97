"""Task results that survive an outage of Redis."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery, states
from celery.backends.redis import RedisBackend
from redis.exceptions import RedisError

from common.redis.address import RedisAddress
from common.redis.client import open_pool

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

    # Both are Celery's; its published types leave them out.
    expires: int
    _get_result_meta: Callable[..., dict[str, Any]]

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

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, **options: Any
    ) -> Any:
        """Store a result; only one that is no success depends on what is stored already."""
        if state != states.SUCCESS:
            return super()._store_result(  # type: ignore[misc]
                task_id, result, state, traceback, **options
            )
        meta = self._get_result_meta(result, state, traceback, options.get("request"))
        key = self.get_key_for_task(task_id)
        self.set(key, self.encode(meta | {"task_id": task_id}))
        return result

    def _set(self, key: Any, value: Any, expires: Any = None) -> None:
        """Store and publish a result, without a transaction, which is another two commands."""
        with self.client.pipeline(transaction=False) as pipe:
            # Celery's command, for which redis-py's method is deprecated.
            pipe.execute_command("SETEX", key, expires or self.expires, value)
            pipe.publish(key, value)
            pipe.execute()

    def ensure(self, fun: Callable[..., Any], args: Any, **_: Any) -> Any:
        """Call once: ``store_result`` does the retries, after any error."""
        return fun(*args)

    def _gives_up(self) -> bool:
        # Celery stores the results of tasks it refuses from its event loop, which must not block.
        return threading.current_thread() is threading.main_thread()
