"""celery-batches: each picture is a task, and a worker runs many tasks at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from celery_batches import Batches

from benchmarks.queues.apps import work
from benchmarks.queues.apps.bare_celery import app

# Tasks of a batch, and the seconds that the first of them waits for others.
_BATCH = int(os.environ.get("QUEUES_BATCH", "32"))
_WAIT_S = 0.1

# Otherwise a worker would never hold a whole batch.
app.conf.worker_prefetch_multiplier = _BATCH


def index(requests: Sequence[Any]) -> None:
    """Index the pictures of all requests, and store the result of each."""
    work.index([name for request in requests for name in request.args[0]])
    for request in requests:
        app.backend.mark_as_done(request.id, len(request.args[0]), request=request)


as_task: Any = app.task(base=Batches, flush_every=_BATCH, flush_interval=_WAIT_S, name="batch")
task = as_task(index)

if __name__ == "__main__":
    work.send(lambda names: task.apply_async((names,)))
