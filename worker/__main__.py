"""``python -m worker``: run a worker, choose its model, or ask after its health."""

from __future__ import annotations

import logging
import os
import socket
import sys

import click
from celery.signals import worker_ready, worker_shutting_down

from common.contract import QUEUES
from common.errors import GlimpseError, SetupError
from common.heartbeats import RedisHeartbeats
from common.redis_client import connect
from common.settings import Settings, load_settings

log = logging.getLogger(__name__)


@click.group()
def main() -> None:
    """Glimpse's workers. Settings come from GLIMPSE_* variables."""


@main.command()
@click.argument("queue", type=click.Choice(QUEUES))
@click.option("--name", help="Unique name of this worker; made from queue, host and process.")
def run(queue: str, name: str | None) -> None:
    """Consume QUEUE until SIGTERM; what is in hand is finished first."""
    from worker.pulse import Pulse
    from worker.runtime import open_runtime

    settings = _settings()
    name = name or f"{queue}@{socket.gethostname()}.{os.getpid()}"
    runtime = open_runtime(settings, queue)
    # A model that cannot run must not take work: the first inference comes before the queue.
    runtime.probe().result()
    heartbeats = RedisHeartbeats(connect(settings.redis_url))
    pulse = Pulse(runtime, heartbeats, name, queue, settings.heartbeat_s)
    worker_ready.connect(lambda **_: pulse.start(), weak=False)
    worker_shutting_down.connect(lambda **_: log.info("worker.stopping name=%s", name), weak=False)
    try:
        runtime.app.worker_main(_celery_arguments(settings, queue, name))
    finally:
        pulse.stop()
        runtime.close()


@main.command()
def choose() -> None:
    """Print the model that GLIMPSE_MODEL stands for, fetching its weights if need be."""
    from worker.encoders.registry import choose_model

    click.echo(choose_model(_settings()))


@main.command()
@click.argument("queue", type=click.Choice(QUEUES))
def health(queue: str) -> None:
    """Exit with 0 while a worker of this host consumes QUEUE, for a container's health check."""
    host = socket.gethostname()
    beats = RedisHeartbeats(connect(_settings().redis_url)).alive()
    if not any(beat.queue == queue and f"@{host}." in beat.name for beat in beats):
        raise SetupError(f"No worker of this host consumes the queue {queue}.")


def _celery_arguments(settings: Settings, queue: str, name: str) -> list[str]:
    return [
        # No banner: it would tell of Celery, and the log tells of Glimpse.
        "--quiet",
        "worker",
        "--pool=threads",
        f"--concurrency={settings.worker_threads}",
        f"--queues={queue}",
        f"--hostname={name}",
        f"--loglevel={settings.log_level}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _settings() -> Settings:
    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    return settings


if __name__ == "__main__":
    try:
        main()
    except GlimpseError as error:
        sys.exit(f"{error.code}: {error}")
