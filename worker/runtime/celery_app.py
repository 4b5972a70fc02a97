"""The Celery app of a worker, whose messages are held by leases."""

from __future__ import annotations

from celery import Celery

from common.broker.celery_options import celery_options
from common.settings import Settings
from worker.delivery.leases import Leases
from worker.delivery.results import PatientResults
from worker.delivery.shutdown import add_give_back_step
from worker.delivery.slots import SlotPool, leased_task
from worker.delivery.transport import leased_transport


def create_app(settings: Settings, leases: Leases, results_ttl_s: int) -> Celery:
    """Make a worker's app; it has no tasks yet.

    Args:
        settings: Where Redis is.
        leases: They hold what is delivered.
        results_ttl_s: Seconds that a task's result is kept.
    """
    app = Celery("glimpse.worker", set_as_current=False)
    app.conf.update(celery_options(settings))
    app.conf.update(
        broker_transport=leased_transport(leases),
        result_backend=settings.redis_url,
        result_expires=results_ttl_s,
        worker_pool=SlotPool,
        # A thread takes the next task when it is free, not before: others may be.
        worker_prefetch_multiplier=1,
        # The leases count what is in hand, whichever connection brought it.
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        # However long Redis is away.
        broker_connection_max_retries=None,
        # A Redis that is full, or cannot write, is waited for as one that is away.
        broker_channel_error_retry=True,
        # A broken connection must not stop what is in hand: its result is still good.
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    # Its published types know the name of a class only.
    app.task_cls = leased_task(PatientResults(leases.closing, app))  # type: ignore[assignment]
    add_give_back_step(app, leases)
    return app
