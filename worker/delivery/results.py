"""Results of tasks, which wait for Redis rather than being lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Seconds between two tries.
_RETRY_S = 1.0


class PatientResults(RedisBackend):
    """Celery's results in Redis; a task's thread waits until its result is stored.

    Celery tries for a while where it is not connected, and not at all where Redis is
    full. Then it takes the task for failed, which it is not, and if that cannot be
    stored either, it forgets to acknowledge the message. The thread waits no longer
    once the worker is to end; what it raises then gives the message back.

    Args:
        closing: Set once the worker is to end.
        app: The worker's app, configured.
    """

    def __init__(self, closing: threading.Event, app: Celery) -> None:
        super().__init__(app=app, url=app.conf.result_backend)
        self._closing = closing
        # One object serves all threads; they must not make two of it.
        self.client  # noqa: B018

    def store_result(self, *args: Any, **kwargs: Any) -> Any:
        """Store a result, however long it takes."""
        while True:
            try:
                return super().store_result(*args, **kwargs)
            except (RedisError, OSError) as error:
                log.warning("result.not_stored task=%s %s", args[0], error)
                if self._gives_up() or self._closing.wait(_RETRY_S):
                    raise

    def ensure(self, fun: Callable[..., Any], args: Any, **_: Any) -> Any:
        """Try once: it is tried again here, and not only where Redis is not connected."""
        return fun(*args)

    def _gives_up(self) -> bool:
        # Celery stores what it refuses to run from its event loop, for which others wait.
        return threading.current_thread() is threading.main_thread()
