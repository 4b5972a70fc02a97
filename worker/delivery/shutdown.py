"""The end of a worker: what is in hand finishes in time, or goes back to its queue."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from queue import Empty
from typing import Any

from celery import Celery, bootsteps
from celery.worker.consumer.tasks import Tasks

from worker.delivery.leases import Leases

log = logging.getLogger(__name__)


class Grace:
    """Bounds how long a worker that was told to end may take.

    Celery waits for the tasks of a thread pool without limit, and a thread
    cannot be ended from outside; so the process ends, once it holds nothing.

    Args:
        leases: What is held.
        grace_s: Seconds from the signal to the end.
        leave: Called last, to take the worker's traces away.
    """

    def __init__(self, leases: Leases, grace_s: float, leave: Callable[[], None]) -> None:
        self._leases = leases
        self._grace_s = grace_s
        self._leave = leave
        self._begun = threading.Event()

    def begin(self) -> None:
        """Begin nothing more, wake what waits, and count the time; called by a signal's handler."""
        if not self._begun.is_set():
            self._begun.set()
            self._leases.closing.set()
            threading.Thread(target=self._run, name="grace", daemon=True).start()

    def _run(self) -> None:
        self._leases.give_back_waiting()
        threading.Event().wait(self._grace_s)
        log.warning("worker.grace_over grace_s=%g", self._grace_s)
        self._leases.give_back_all()
        self._leave()
        os._exit(0)


def add_give_back_step(app: Celery, leases: Leases) -> None:
    """Let the app's consumers give back what has not begun when they end.

    One that only loses its connection keeps it: its threads take it as they come free.
    """

    class GiveBack(bootsteps.StartStopStep):
        requires = (Tasks,)

        def start(self, c: Any) -> None:
            """Do nothing: deliveries are held by the transport."""

        def stop(self, c: Any) -> None:
            """Give back what has not begun."""
            # Without a connection nothing can be on its way.
            if c.connection and c.task_consumer:
                _take_no_more(c.task_consumer)
                leases.give_back_waiting()

    app.steps["consumer"].add(GiveBack)


def _take_no_more(consumer: Any) -> None:
    """Cancel a consumer and put back the message that Redis may be handing over already.

    That message has left its queue and stands in no index yet: a process that
    ended without reading it would lose it.
    """
    consumer.cancel()
    channel = consumer.channel
    if channel._in_poll:
        with contextlib.suppress(Empty):
            channel._brpop_read()
