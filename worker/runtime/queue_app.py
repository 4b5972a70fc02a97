"""A Celery app that Celery's commands load: it names a queue, and holds no model and no tasks."""

from __future__ import annotations

import logging
from functools import cache
from types import MappingProxyType
from typing import Any

import click
from celery import Celery
from celery.backends.redis import RedisBackend
from celery.concurrency.thread import TaskPool
from celery.platforms import create_pidlock
from click.core import ParameterSource

from common.broker.celery_options import celery_options
from common.errors import GlimpseError
from common.logs.configure import configure_logs
from common.redis.client import open_pool
from common.settings import Settings, load_settings
from worker.runtime.process import report, run_worker

# Options of ``celery worker`` that change nothing that Glimpse promises. Gossip, mingle and
# heartbeats are off, or sent only while somebody watches.
_ALLOWED = frozenset(
    {
        *("detach", "gid", "hostname", "loglevel", "pidfile", "task_events", "uid"),
        *("without_gossip", "without_heartbeat", "without_mingle"),
    }
)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_THREADS = "Set GLIMPSE_WORKER_THREADS or GLIMPSE_SEARCH_THREADS instead."
_PREFETCH = "A worker takes only tasks that it has a free thread for."
_UNSTOPPABLE = "Tasks run in threads, which cannot be stopped."
# What to do instead of giving an option.
_REFUSED = MappingProxyType(
    {
        "pool": "Tasks run in threads that share one model.",
        "concurrency": _THREADS,
        "autoscale": _THREADS,
        "prefetch_multiplier": _PREFETCH,
        "disable_prefetch": _PREFETCH,
        "queues": "The app names the queue: worker.app:ingest or worker.app:search.",
        "exclude_queues": "The app names the queue: worker.app:ingest or worker.app:search.",
        "time_limit": _UNSTOPPABLE,
        "soft_time_limit": _UNSTOPPABLE,
        "loglevel": f"The levels are {', '.join(_LEVELS)}.",
        "logfile": "The log goes to stderr; redirect that.",
    }
)
_OTHERWISE = "Glimpse's workers do not have it; the settings are in docs/settings.md."
# Where click found the value of an option that somebody has given.
_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


class QueueApp(Celery):
    """Celery's configuration for a queue; its ``Worker`` is Glimpse's."""

    # Replaces Celery's property, which makes a backend from a URL.
    backend: Any = None

    def __init__(self, queue: str, settings: Settings) -> None:
        super().__init__(f"glimpse.{queue}")
        self.queue = queue
        self.settings = settings
        self.conf.update(celery_options(settings))
        pool = open_pool(settings.redis)
        self.backend = RedisBackend(app=self, connection_pool=lambda **_: pool)

    def Worker(self, **options: Any) -> QueueWorker:  # type: ignore[override]  # noqa: N802
        """Return a worker of the queue; ``celery worker`` calls this.

        Raises:
            click.UsageError: An option would change what Glimpse's workers promise.
        """
        context = click.get_current_context(silent=True)
        given = options if context is None else _given(context)
        for name, value in given.items():
            if not self._allows(name, value):
                raise click.UsageError(
                    f"{_flag(context, name)}: {_REFUSED.get(name, _OTHERWISE)}", context
                )
        return QueueWorker(self, given)

    def _allows(self, name: str, value: Any) -> bool:
        if name == "loglevel":
            return _level(value) in _LEVELS
        if name == "pool":
            return value is TaskPool
        if name == "queues":
            return bool(value == [self.queue])
        return name in _ALLOWED


class QueueWorker:
    """A worker that ``celery worker`` starts.

    Args:
        app: Names the queue.
        given: The options that were given, by Celery's names.
    """

    def __init__(self, app: QueueApp, given: dict[str, Any]) -> None:
        self._app = app
        self._given = given
        # What Celery's command exits with.
        self.exitcode = 0

    def start(self) -> None:
        """Consume the queue until SIGTERM."""
        settings = self._app.settings
        if "loglevel" in self._given:
            level = _level(self._given["loglevel"])
            settings = settings.model_copy(update={"log_level": level})
        configure_logs(settings)
        if "pidfile" in self._given:
            create_pidlock(self._given["pidfile"])
        name, events = self._given.get("hostname"), bool(self._given.get("task_events"))
        try:
            run_worker(settings, self._app.queue, name, events=events)
        except GlimpseError as error:
            self.exitcode = report(error)


@cache
def queue_app(queue: str) -> QueueApp:
    """Return the app of a queue, with the settings of this process's environment."""
    return QueueApp(queue, load_settings())


def _given(context: click.Context) -> dict[str, Any]:
    """Return the options that somebody has given, without Celery's defaults."""
    if context.args:
        raise click.UsageError(f"{context.args[0]}: {_OTHERWISE}", context)
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) in _GIVEN
    }


def _flag(context: click.Context | None, name: str) -> str:
    """Return how an option is written on the command line."""
    params = [] if context is None else context.command.params
    return next((max(param.opts, key=len) for param in params if param.name == name), name)


def _level(value: Any) -> str:
    return value.upper() if isinstance(value, str) else logging.getLevelName(value)
