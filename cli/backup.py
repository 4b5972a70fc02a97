"""`glimpse backup` and `glimpse restore`: save a service, and bring it back."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cli.service import redis_address
from cli.service.environ import found_environ, required_environ
from cli.service.worker_run import exit_as, run_worker


@click.command()
@click.argument("target", metavar="DIR|s3://BUCKET/PREFIX")
@click.option(
    "--without-vectors",
    is_flag=True,
    help="Leave out vectors; `glimpse restore --rebuild` computes them again.",
)
@redis_address.DATA
def backup(target: str, without_vectors: bool, data: Path) -> None:
    """Back up a service while it runs.

    Saves the originals, everything that is known of the images with their vectors,
    API keys (without secrets), quotas and dead letters. A later backup to the same
    place writes only what is new, and an interrupted one is continued. Run it with
    the settings (GLIMPSE_*) of a worker, or beside `glimpse up`.

    Exits with status 1 if originals are missing or damaged in the service.

    \b
    Example:
      glimpse backup /mnt/backup/glimpse
      glimpse backup s3://backups/glimpse
    """  # noqa: D301 - click's marker for preformatted lines
    options = ["--without-vectors"] if without_vectors else []
    exit_as(run_worker(required_environ(os.environ, data), "backup", *options, "--", target))


@click.command()
@click.argument("source", metavar="DIR|s3://BUCKET/PREFIX")
@click.option("--at", metavar="TIME", help="Beginning of a backup's name; default: the newest.")
@click.option("--rebuild", is_flag=True, help="Compute vectors with the service's model.")
@click.option("--check", is_flag=True, help="Only verify the backup; needs no service.")
@redis_address.DATA
def restore(source: str, at: str | None, rebuild: bool, check: bool, data: Path) -> None:
    """Restore a backup into an empty service.

    Start the service first, with the backup's model, and keep users away until the
    restore has ended. Everything is verified as it is read, and read back once it is
    written. An interrupted restore continues if the command is repeated.

    \b
    Example:
      glimpse restore /mnt/backup/glimpse
      glimpse restore s3://backups/glimpse --at 2026-01-31
      glimpse restore /mnt/backup/glimpse --check
    """  # noqa: D301 - click's marker for preformatted lines
    if check and rebuild:
        raise click.UsageError("--check reads a backup and computes nothing: omit --rebuild.")
    options = [f"--at={at}"] if at is not None else []
    options += [f"--{name}" for name, given in (("rebuild", rebuild), ("check", check)) if given]
    environ = (found_environ if check else required_environ)(os.environ, data)
    exit_as(run_worker(environ, "restore", *options, "--", source))
