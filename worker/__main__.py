"""``python -m worker``: run a worker, choose its model, or ask after its health."""

from __future__ import annotations

import logging
import os
import socket
import sys

import click

from common.contract import INGEST_QUEUE, QUEUES
from common.errors import GlimpseError, SetupError
from common.heartbeats import RedisHeartbeats
from common.redis_client import connect
from common.redis_time import RedisClock
from common.settings import Settings, load_settings


@click.group()
def main() -> None:
    """Glimpse's workers. Settings come from GLIMPSE_* variables."""


@main.command()
@click.argument("queue", type=click.Choice(QUEUES))
@click.option("--name", help="Unique name of this worker; made from queue, host and process.")
def run(queue: str, name: str | None) -> None:
    """Consume QUEUE until SIGTERM; what is in hand finishes in time or goes back."""
    settings = _settings()
    if queue == INGEST_QUEUE:
        # Before anything starts a thread, which keeps the priority that its maker had: some
        # libraries do when they are imported.
        os.nice(settings.ingest_nice)
    from worker.runtime.serve import serve

    serve(settings, queue, name or f"{queue}@{socket.gethostname()}.{os.getpid()}")


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
    redis = connect(_settings().redis_url)
    beats, now = RedisHeartbeats(redis).alive(), RedisClock(redis).now()
    mine = [beat for beat in beats if beat.queue == queue and f"@{host}." in beat.name]
    if not mine:
        raise SetupError(f"No worker of this host consumes the queue {queue}.")
    if not any(beat.consumes(now) for beat in mine):
        raise SetupError(f"The worker of {queue} has not looked for work for too long; restart it.")


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
