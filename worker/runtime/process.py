"""A worker's process, whichever command started it."""

from __future__ import annotations

import gc
import os
import socket

import click

from common.allocator import keep_freed_memory
from common.contract import INGEST_QUEUE
from common.errors import GlimpseError
from common.exit_codes import status_of
from common.logs.context import bind_process
from common.settings import Settings
from worker.encoders.compiled import keep_compiled

# What Celery sets as its worker starts. By then gRPC's threads run: while one reads the environment
# in C, to add a variable can crash the process, since glibc moves them all; to change one cannot.
_SET_BY_CELERY = (
    "CELERY_LOG_FILE",
    "CELERY_LOG_LEVEL",
    "CELERY_LOG_REDIRECT",
    "CELERY_LOG_REDIRECT_LEVEL",
    "_MP_FORK_LOGFILE_",
    "_MP_FORK_LOGFORMAT_",
    "_MP_FORK_LOGLEVEL_",
)


def run_worker(
    settings: Settings, queue: str, name: str | None = None, *, events: bool = False
) -> None:
    """Consume a queue until SIGTERM, in this process.

    Args:
        settings: The worker's settings.
        queue: The queue to consume.
        name: Unique name of the worker; None derives one from queue, host and process.
        events: Whether to send Celery's events from the start.

    Raises:
        SetupError: The worker cannot run with these settings, or on this data.
    """
    if queue == INGEST_QUEUE:
        # Before any import that starts threads, since a thread inherits its creator's priority.
        os.nice(settings.ingest_nice)
    keep_freed_memory()
    for variable in _SET_BY_CELERY:
        os.environ.setdefault(variable, "")
    keep_compiled(settings)
    # Until it has started: what it imports and loads stays, and holds no garbage worth the search.
    gc.disable()
    from worker.runtime.serve import serve

    name = name or f"{queue}@{socket.gethostname()}.{os.getpid()}"
    bind_process(worker=name)
    serve(settings, queue, name, events=events)


def report(error: GlimpseError) -> int:
    """Print the error that ended a command, and return the process's exit status."""
    click.echo(f"{error.code}: {error}", err=True)
    return status_of(error)
