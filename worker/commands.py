"""The commands of ``python -m worker``: run a worker, and do what needs a worker's libraries."""

from __future__ import annotations

import json
import os
import socket
import sys

import click

from common.contract import QUEUES
from common.errors import GlimpseError, WorkerUnavailable
from common.heartbeats import RedisHeartbeats
from common.logs.configure import configure_logs
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from worker.encoders.compiled import keep_compiled
from worker.runtime.process import report, run_worker


@click.group()
def commands() -> None:
    """Glimpse's workers. Settings come from GLIMPSE_* variables."""


def run_command() -> int:
    """Run the command of this process's arguments; return the exit status."""
    try:
        commands(prog_name="python -m worker")
    except GlimpseError as error:
        return report(error)
    return 0


@commands.command()
@click.argument("queue", type=click.Choice(QUEUES))
@click.option("--name", help="Unique name of this worker; default: from queue, host and process.")
def run(queue: str, name: str | None) -> None:
    """Consume QUEUE until SIGTERM, then finish tasks in progress or return them to the queue."""
    run_worker(_settings(), queue, name)


@commands.command()
def choose() -> None:
    """Print the model that GLIMPSE_MODEL resolves to, downloading its weights if needed."""
    from worker.encoders.registry import choose_model

    click.echo(choose_model(_settings_of_model()))


@commands.command()
def fetch() -> None:
    """Download the weights of GLIMPSE_MODEL with a progress bar, and print where they are."""
    from worker.encoders.registry import fetch_model

    click.echo(fetch_model(_settings_of_model()))


@commands.command()
@click.option("--to", required=True, help="Address of the target.")
@click.option("--finish", is_flag=True, help="No worker writes any more: finish the copies.")
def migrate(to: str, finish: bool) -> None:
    """Copy all collections to another Milvus server, with progress bars."""
    from worker.stores import migration
    from worker.stores.pass_bars import pass_bars

    settings, token = _settings(), os.environ.get("GLIMPSE_TO_TOKEN", "")
    with pass_bars() as show:
        images = migration.migrate(settings, to, token, finish=finish, show=show)
    click.echo(migration.advice(images, to, finish=finish))


@commands.command()
@click.argument("target")
@click.option("--without-vectors", is_flag=True, help="Leave out what can be computed again.")
def backup(target: str, without_vectors: bool) -> None:
    """Back up the service to TARGET, with progress bars; exit with 1 if originals are missing."""
    from worker.backup.commands import back_up
    from worker.stores.pass_bars import pass_bars

    settings = _settings()
    with pass_bars() as show:
        done, missing = back_up(settings, target, show, vectors=not without_vectors)
    click.echo(done)
    sys.exit(bool(missing))


@commands.command()
@click.argument("source")
@click.option("--at", help="The backup: the beginning of its name; default: the newest.")
@click.option("--rebuild", is_flag=True, help="Compute the vectors instead of restoring them.")
@click.option("--check", is_flag=True, help="Only verify the backup.")
def restore(source: str, at: str | None, rebuild: bool, check: bool) -> None:
    """Restore SOURCE into an empty service; exit with 1 if images could not be embedded."""
    from worker.backup import commands
    from worker.stores.pass_bars import pass_bars

    settings, failed = _settings_of_model() if rebuild else _settings(), 0
    with pass_bars() as show:
        if check:
            done = commands.check_backup(source, at, show)
        else:
            done, failed = commands.restore(settings, source, at, show, rebuild=rebuild)
    click.echo(done)
    sys.exit(bool(failed))


@commands.command("diagnose-store")
def diagnose_store() -> None:
    """Print what there is to say about the Milvus in the settings, as JSON for `glimpse doctor`."""
    from worker.stores.milvus.diagnosis import diagnose

    click.echo(json.dumps([finding.model_dump() for finding in diagnose(_settings())]))


@commands.command()
@click.argument("queue", type=click.Choice(QUEUES))
def health(queue: str) -> None:
    """Exit with 0 if a worker on this host consumes QUEUE, for a container's health check."""
    host = socket.gethostname()
    redis = connect(_settings().redis)
    beats, now = RedisHeartbeats(redis).alive(), RedisClock(redis).now()
    mine = [beat for beat in beats if beat.queue == queue and f"@{host}." in beat.name]
    if not mine:
        raise WorkerUnavailable(f"No worker on this host consumes the queue {queue}.")
    if not any(beat.consumes(now) for beat in mine):
        raise WorkerUnavailable(f"The {queue} worker has stopped polling its queue; restart it.")


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings)
    return settings


def _settings_of_model() -> Settings:
    """Return the settings of a command that imports a model's packages."""
    settings = _settings()
    keep_compiled(settings)
    return settings
