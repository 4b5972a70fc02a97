"""Shutdown: tasks in progress finish within a grace period, or their messages are given back."""

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
    """Bounds the time that a worker's shutdown may take.

    Celery waits without limit for the tasks of a thread pool, and threads cannot
    be killed. So the process gives its messages back and exits.

    Args:
        leases: The messages held.
        grace_s: Seconds from the signal to the exit.
        leave: Called last, to remove the worker's heartbeat.
    """

    def __init__(self, leases: Leases, grace_s: float, leave: Callable[[], None]) -> None:
        self._leases = leases
        self._grace_s = grace_s
        self._leave = leave
        self._begun = threading.Event()

    def begin(self) -> None:
        """Start no more tasks, end waits, and start the timer; called from a signal handler."""
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
    """Make the app's consumers give back messages not yet started when they stop.

    A consumer that only loses its connection keeps them: its threads run them when free.
    """

    class GiveBack(bootsteps.StartStopStep):
        requires = (Tasks,)

        def start(self, c: Any) -> None:
            """Do nothing: the transport holds deliveries."""

        def stop(self, c: Any) -> None:
            """Give back the messages whose tasks have not started."""
            # Without a connection no message can be in transit.
            if c.connection and c.task_consumer:
                _stop_consuming(c.task_consumer)
                leases.give_back_waiting()

    app.steps["consumer"].add(GiveBack)


def _stop_consuming(consumer: Any) -> None:
    """Cancel a consumer and put back the message that Redis may already have sent.

    That message has left its queue and is in no index yet: a process that exits
    without reading it loses it.
    """
    consumer.cancel()
    channel = consumer.channel
    if channel._in_poll:
        with contextlib.suppress(Empty):
            channel._brpop_read()
