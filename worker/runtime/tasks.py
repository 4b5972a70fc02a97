"""Registers the tasks of each queue under the names in ``common.contract``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from celery import Celery, Task
from celery.exceptions import Ignore, Reject

from common.broker.as_of_header import marks_of
from common.broker.queues import has_expired, rest_s
from common.broker.request_header import request_of
from common.contract import Message
from common.logs.context import bound
from common.redis.time import Clock
from common.traces.spans import continued_span
from worker.ingest.deliveries import Deliveries, Work
from worker.runtime.answers import Answer
from worker.runtime.routing import is_just_sent

log = logging.getLogger(__name__)

# Forwards a task to the workers of the active model if this worker's is not: takes the task's name,
# its id, payload and the seconds until it expires.
Forward = Callable[[str, str, Message, float | None], bool]
# Takes a message by its delivery tag, before its task runs; see ``Leases.take``.
Take = Callable[[str], bool]
# Returns a function that runs a task of this name and reports on it.
Measure = Callable[[str, Callable[..., Message]], Callable[..., Message]]


def register_ingest(app: Celery, deliveries: Deliveries, works: Mapping[str, Work[Any]]) -> None:
    """Register the ingest tasks, which are acknowledged only after their outcomes are recorded."""
    for name, work in works.items():
        _register_delivery(app, deliveries, name, work)


def _register_delivery(app: Celery, deliveries: Deliveries, name: str, work: Work[Any]) -> None:
    @app.task(bind=True, name=name, shared=False, acks_late=True, typing=False)
    def deliver(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        with _about(task, payload):
            return deliveries.run(_tag_of(task), payload, work)


def register_search(
    app: Celery,
    answers: Iterable[Answer[Any]],
    model: str,
    clock: Clock,
    forward: Forward,
    take: Take,
    measure: Measure,
) -> None:
    """Register the tasks that a caller waits for.

    Tasks that have expired by Redis's clock do not start. Those that change data start once.
    """
    for answer in answers:
        measured = replace(answer, run=measure(answer.name, answer.run))
        _register_answer(app, measured, model, clock, forward, take)


def _register_answer(
    app: Celery,
    answer: Answer[Any],
    model: str,
    clock: Clock,
    forward: Forward,
    take: Take,
) -> None:
    once = answer.starts_once

    # A message that is taken must not be settled before.
    @app.task(bind=True, name=answer.name, shared=False, typing=False, acks_late=once)
    def run(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        with _about(task, payload):
            return run_task(task, payload)

    def run_task(task: Task[Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
        # Celery turns the message's headers into attributes.
        headers = vars(task.request)

        def is_wanted() -> bool:
            return not has_expired(headers, clock.now())

        if not is_wanted():
            _give_up(task)
        request = answer.parse({**payload, **marks_of(headers)})
        if request is None:
            return answer.unreadable()
        if once and not take(_tag_of(task)):
            raise Reject("another worker has it", requeue=True)
        if once or not is_just_sent(headers, model, clock.now()):
            left_s = rest_s(headers, clock.now())
            if forward(answer.name, str(task.request.id), request, left_s):
                raise Ignore
        return answer.result(request, is_wanted)


@contextmanager
def _about(task: Task[Any, Any], payload: object) -> Iterator[None]:
    """Name the task, and what it is for, in log lines and in a span.

    The payload is not validated yet.
    """
    found = payload if isinstance(payload, dict) else {}
    job, tenant = found.get("job_id"), found.get("tenant")
    named = {
        "task": str(task.request.id),
        "job": job if isinstance(job, str) else None,
        "tenant": tenant if isinstance(tenant, str) else None,
    }
    headers = vars(task.request)
    attributes = {f"glimpse.{name}": value for name, value in named.items() if value}
    with (
        bound(request=request_of(headers), **named),
        continued_span(str(task.name), headers, attributes),
    ):
        yield


def _tag_of(task: Task[Any, Any]) -> str:
    """Return the delivery tag of a task's message; empty if it was called without one."""
    # Celery's types lack the message's properties.
    properties = vars(task.request).get("properties") or {}
    return str(properties.get("delivery_tag", ""))


def _give_up(task: Task[Any, Any]) -> NoReturn:
    """End a task without running it, and record it as revoked."""
    task_id = str(task.request.id)
    log.info("task.expired name=%s id=%s", task.name, task_id)
    task.backend.mark_as_revoked(task_id, "expired", task.request)
    raise Ignore
