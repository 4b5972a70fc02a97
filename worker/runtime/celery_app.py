"""The Celery app of a worker, with leases that hold its messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from celery import Celery

from common.broker.celery_options import celery_options
from common.settings import Settings
from worker.delivery.leases import Leases
from worker.delivery.results import PatientResults
from worker.delivery.shutdown import add_give_back_step
from worker.delivery.slots import LeasedTask, SlotPool
from worker.delivery.transport import leased_transport
from worker.runtime.remote_control import WatchedEvents, add_remote_control


class WorkerApp(Celery):
    """A Celery app with one result backend for all threads.

    Celery would make one per thread, from a URL that cannot say how certificates are verified.
    """

    # Replaces Celery's property; every task uses it.
    backend: Any = None


def create_app(
    settings: Settings,
    leases: Leases,
    results_ttl_s: int,
    held_max: Mapping[str, int] = MappingProxyType({}),
) -> Celery:
    """Create a worker's app, without tasks yet.

    Args:
        settings: Provides the address of Redis.
        leases: Hold the delivered messages.
        results_ttl_s: Seconds to keep a task's result.
        held_max: Maximum number of messages held at once, by purpose.
    """
    app = WorkerApp(
        "glimpse.worker", set_as_current=False, task_cls=LeasedTask, events=WatchedEvents
    )
    app.conf.update(celery_options(settings))
    app.conf.update(
        broker_transport=leased_transport(settings.redis, leases, held_max),
        result_expires=results_ttl_s,
        worker_pool=SlotPool,
        # Prefetch nothing: another worker may be free to run the task at once.
        worker_prefetch_multiplier=1,
        # The leases count the messages held, whichever connection delivered them.
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        # Retry without limit during an outage of Redis.
        broker_connection_max_retries=None,
        # Also if Redis is full or cannot write.
        broker_channel_error_retry=True,
        # A broken connection must not stop tasks in progress: their results are still valid.
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    app.backend = PatientResults(settings.redis, leases.closing, app)
    add_give_back_step(app, leases)
    if settings.remote_control:
        add_remote_control(app)
    return app
