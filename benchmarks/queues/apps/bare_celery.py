"""Bare Celery: ``celery -A benchmarks.queues.apps.bare_celery worker``."""

from __future__ import annotations

from celery import Celery

from benchmarks.queues.apps import work

app = Celery("queues", broker=work.BROKER, backend=work.RESULTS)
app.conf.update(
    broker_transport_options={"visibility_timeout": work.LEASE_S, "unacked_restore_interval": 2},
    result_expires=3600,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
)
task = app.task(name="index")(work.index)

if __name__ == "__main__":
    work.send(lambda names: task.apply_async((names,)))
