"""`glimpse migrate`: copies all collections to another Milvus server while the service runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from cli.service import milvus_address, redis_address
from cli.service.worker_run import exit_as, run_worker
from common.errors import MigrationRefused


@click.command()
@click.option(
    "--to",
    required=True,
    type=milvus_address.MilvusAddress(),
    metavar="URI",
    help="Address of the Milvus server to copy to.",
)
@click.option("--finish", is_flag=True, help="Copy the rest, once all workers have been stopped.")
@click.option(
    "--data",
    default=Path("data"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder of `glimpse up`; ignored if GLIMPSE_MILVUS_URI names the source.",
)
def migrate(to: str, finish: bool, data: Path) -> None:
    """Copy all images' rows to another Milvus server while the service runs.

    Run it first without --finish: it copies in passes until one finds nothing
    new, and resumes where it was interrupted. Then stop `glimpse up` (or all
    workers) and run it with --finish: it copies what was written since, compares
    ids and vectors, and says which setting to change. GLIMPSE_MILVUS_INDEX and
    its like lay out the new collections; GLIMPSE_TO_TOKEN is the target's token.

    \b
    Example:
      glimpse migrate --to http://milvus:19530
      glimpse migrate --to http://milvus:19530 --finish
    """  # noqa: D301 - click's marker for preformatted lines
    arguments = ["--to", to, *(["--finish"] if finish else [])]
    if milvus_address.SETTING in os.environ:
        if finish:
            _require_no_workers()
        status = _copy(arguments, os.environ[milvus_address.SETTING])
    elif finish:
        status = _copy_from_folder(arguments, data)
    else:
        status = _copy(arguments, milvus_address.find(data))
    exit_as(status)


def _copy(arguments: list[str], source: str) -> int:
    """Copy from a Milvus; return the exit status."""
    return run_worker({**os.environ, milvus_address.SETTING: source}, "migrate", *arguments)


def _copy_from_folder(arguments: list[str], data: Path) -> int:
    """Copy from the Milvus Lite of a stopped stack, whose lock shows that no worker runs."""
    from cli.stack.lite import run_beside_lite

    return asyncio.run(run_beside_lite(data, lambda source: _copy(arguments, source)))


def _require_no_workers() -> None:
    """Refuse while workers that use the source report to Redis; raises ``MigrationRefused``."""
    from common import schema
    from common.heartbeats import RedisHeartbeats
    from common.redis.client import connect

    if redis_address.SETTING not in os.environ:
        raise MigrationRefused(
            f"Set {redis_address.SETTING} to the service's Redis, which knows whether workers run."
        )
    with connect(redis_address.of(os.environ)) as redis:
        schema.check(redis)
        names = [beat.name for beat in RedisHeartbeats(redis).alive()]
    if names:
        raise MigrationRefused(
            f"Workers are running: {', '.join(names)}. Stop them and run this again; a killed one"
            " counts for some seconds."
        )
