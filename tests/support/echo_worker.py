"""A Celery worker that returns its payload, for the dispatcher's tests."""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery, Task

from common.broker.as_of_header import marks_of
from common.broker.celery_options import celery_options
from common.settings import load_settings

# Names of the task that returns its payload and of the one that fails.
ECHO, FAIL = "test.echo", "test.fail"
QUEUE = "echo"


def main() -> None:
    settings = load_settings()
    app = Celery("glimpse.echo", set_as_current=False)
    app.conf.update(celery_options(settings), result_backend=settings.redis_url)

    @app.task(bind=True, name=ECHO, shared=False)
    def echo(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, **marks_of(vars(task.request))}

    @app.task(name=FAIL, shared=False)
    def fail(payload: dict[str, Any]) -> None:
        raise ValueError(payload)

    app.worker_main(["worker", "--pool=threads", "--concurrency=2", f"--queues={QUEUE}"])


if __name__ == "__main__":
    sys.exit(main())
