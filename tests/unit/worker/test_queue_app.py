"""The apps that Celery's commands load, and the options of ``celery worker`` that they accept."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

import worker.app
from common.settings import load_settings
from worker.runtime.queue_app import QueueApp


@pytest.fixture
def app() -> QueueApp:
    return QueueApp("search", load_settings({}))


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ("--pool=prefork", "--pool: Tasks run in threads that share one model."),
        ("--autoscale=8,2", "--autoscale: Set GLIMPSE_WORKER_THREADS"),
        ("-c4", "--concurrency: Set GLIMPSE_WORKER_THREADS"),
        ("--prefetch-multiplier=4", "--prefetch-multiplier: A worker takes only tasks"),
        ("--queues=ingest", "--queues: The app names the queue"),
        ("--loglevel=fatal", "--loglevel: The levels are DEBUG"),
        ("--beat", "--beat: Glimpse's workers do not have it"),
        ("worker.prefetch_multiplier=4", "worker.prefetch_multiplier=4: Glimpse's workers do not"),
    ],
)
def test_options_that_would_break_a_promise_are_refused(
    app: QueueApp, option: str, match: str
) -> None:
    with pytest.raises(click.UsageError, match=match):
        app.worker_main(["worker", option])


def test_options_are_checked_without_a_command_line_too(app: QueueApp) -> None:
    with pytest.raises(click.UsageError, match="concurrency: Set GLIMPSE_WORKER_THREADS"):
        app.Worker(concurrency=4)


@pytest.mark.parametrize("queue", ["ingest", "search"])
def test_each_queue_has_an_app(queue: str) -> None:
    app = getattr(worker.app, queue)
    assert (app.queue, app.conf.control_exchange) == (queue, "glimpse")


def test_there_is_no_app_for_another_name() -> None:
    with pytest.raises(AttributeError, match="the queues are ingest and search"):
        worker.app.catalog  # noqa: B018


def test_making_an_app_imports_no_model_and_no_store() -> None:
    program = (
        "import sys, worker.app; worker.app.ingest;"
        "print({'torch', 'pymilvus', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
