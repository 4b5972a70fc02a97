"""Celery's remote control and events, within what Glimpse's workers promise."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from celery import Celery
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher
from celery.worker.control import Panel

# What a user hears who sends a command that would break a promise, by command.
_THREADS = "Set GLIMPSE_WORKER_THREADS or GLIMPSE_SEARCH_THREADS, and restart the worker."
_QUEUES = "A worker consumes the queues of its model; `glimpse models use` chooses the model."
_CANCEL = "A revoked task would be sent again. Cancel its job instead: `glimpse cancel JOB`."
_LIMITS = "Tasks run in threads, which cannot be stopped or slowed down."
_REFUSED = MappingProxyType(
    {
        "add_consumer": _QUEUES,
        "cancel_consumer": _QUEUES,
        "autoscale": _THREADS,
        "pool_grow": _THREADS,
        "pool_restart": _THREADS,
        "pool_shrink": _THREADS,
        "rate_limit": _LIMITS,
        "time_limit": _LIMITS,
        "revoke": _CANCEL,
        "revoke_by_stamped_headers": _CANCEL,
        "terminate": _CANCEL,
    }
)


class WatchedDispatcher(EventDispatcher):
    """Sends events only while somebody watches, so that an idle worker sends nothing.

    Watching starts with Celery's command ``enable_events``, which Flower sends, or with the
    worker's option ``--task-events``.
    """

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 Celery's name
        """Send an event if somebody watches."""
        if not self.groups or "task" in self.groups:
            return super().send(type, *args, **fields)
        return None


class WatchedEvents(Events):
    """Celery's events, with dispatchers that send only while somebody watches."""

    dispatcher_cls = WatchedDispatcher  # type: ignore[assignment]


def add_remote_control(app: Celery) -> None:
    """Let an app's worker obey Celery's remote control.

    ``shutdown`` then stops a worker as SIGTERM does. Commands that would change its queues, its
    threads or its tasks are refused with a sentence.
    """
    app.conf.worker_enable_remote_control = True
    # Celery's registry belongs to the process, which has one worker.
    Panel.data["shutdown"] = _shut_down
    Panel.data["stats"] = _stats
    for command, sentence in _REFUSED.items():
        Panel.data[command] = _refusal(sentence)


def _shut_down(state: Any, **_: Any) -> dict[str, str]:  # noqa: ARG001 Celery's names
    os.kill(os.getpid(), signal.SIGTERM)
    return {"ok": "shutting down"}


def _stats(state: Any, **_: Any) -> dict[str, Any]:
    """Return Celery's statistics; our transport is a class, which has no form in JSON."""
    found: dict[str, Any] = state.consumer.controller.stats()
    found["broker"]["transport"] = state.consumer.connection.transport.driver_name
    return found


def _refusal(sentence: str) -> Callable[..., dict[str, str]]:
    def refuse(state: Any, *_: Any, **__: Any) -> dict[str, str]:  # noqa: ARG001 Celery's names
        return {"error": sentence}

    return refuse
