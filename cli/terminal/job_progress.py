"""Follows the job of a command that changes indexed images to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import sleep

import click

from cli.arguments.selection import NONE_MATCH
from cli.exit_codes import INCOMPLETE
from cli.terminal.progress_bars import make_progress_bars
from cli.terminal.text import listed, shown
from glimpse_client import Glimpse
from glimpse_client.answers import Item, Job

# Seconds between polls.
_POLL_S = 0.5


def follow_to_end(client: Glimpse, job: Job, verb: str, *, as_json: bool) -> None:
    """Show a job's progress, then its result; exit with 1 if an image failed or none matches.

    Args:
        client: The client.
        job: The job.
        verb: What the job does, for the progress bar.
        as_json: Print one JSON document and no progress bar.
    """
    with _hint_that_it_continues(job):
        job = follow(client, job, verb, hidden=as_json)
    failures = list(client.items(job, state="failed")) if job.failed and not as_json else []
    click.echo(job.model_dump_json(indent=2) if as_json else describe(job, failures))
    if not job.total and job.state == "succeeded":
        click.echo(NONE_MATCH, err=True)
    if job.failed or job.cancelled or not job.total:
        sys.exit(INCOMPLETE)


def follow(client: Glimpse, job: Job, verb: str, *, hidden: bool) -> Job:
    """Show a job's progress until it ends; return the job."""
    with make_progress_bars(hidden) as bars:
        bar = bars.add_task(verb, total=None)
        while True:
            # The total of a growing job is not known; it has no estimated time then either.
            bars.update(bar, completed=job.done, total=job.total or None)
            if job.ended:
                return job
            sleep(_POLL_S)
            job = client.job(job.id)


def describe(job: Job, failures: Sequence[Item] = ()) -> str:
    """Return a readable result: the counts, and why each image failed."""
    if job.kind == "ingest":
        counts = f"{job.indexed} indexed, {job.duplicates} duplicates, {job.failed} failed"
    else:
        counts = f"{job.modified} changed, {job.unchanged} unchanged, {job.failed} failed"
    counts += f", {job.cancelled} cancelled" if job.cancelled else ""
    skipped = [f"Skipped {listed(job.skipped)}."] if job.skipped else []
    return "\n".join([counts, *skipped, *failure_lines(failures)])


def failure_lines(failures: Iterable[Item]) -> list[str]:
    """Return a line for each failed image that says why."""
    return [
        f"  {shown(item.filename)}: {item.code}: {shown(item.detail or '')}" for item in failures
    ]


@contextmanager
def _hint_that_it_continues(job: Job) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            f"The job continues. To follow it, run `glimpse status {job.id} --wait`;"
            f" to cancel it, run `glimpse cancel {job.id}`.",
            err=True,
        )
        raise
