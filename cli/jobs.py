"""`glimpse jobs` and `glimpse cancel`: list and cancel jobs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import click
from rich.console import Console
from rich.table import Table

from glimpse_client import Glimpse
from glimpse_client.answers import Job, JobsPage

_STATES = ("queued", "running", "succeeded", "partial", "failed", "cancelled")


@click.command()
@click.option("--state", type=click.Choice(_STATES), help="List only jobs in this state.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Maximum number of jobs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def jobs(state: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first.

    If the output is not a terminal, each line has the job ID, time, state, and the
    number of images done, in total and failed, separated by tabs. For more about
    one job, run `glimpse status JOB`.

    \b
    Example:
      glimpse jobs --state running
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        found = list(islice(client.jobs(state), limit))
    if as_json:
        click.echo(JobsPage(jobs=tuple(found)).model_dump_json(indent=2, exclude={"next_cursor"}))
    elif found:
        _show(found)
    else:
        click.echo("No jobs found. Add pictures with `glimpse ingest`.", err=True)


@click.command()
@click.argument("job_id", metavar="JOB")
def cancel(job_id: str) -> None:
    """Cancel a job.

    Images of JOB that are not yet started are cancelled; indexed images remain.

    \b
    Example:
      glimpse cancel 2f1c9e6ad0b84b7c8f3f6b1f0a7d5e42
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        job = client.cancel(job_id)
    click.echo(f"{job.state}: {job.done} of {job.total} done, {job.cancelled} cancelled")


def _show(found: Sequence[Job]) -> None:
    console = Console()
    if not console.is_terminal:
        # Plain lines for `grep` and `cut`.
        for job in found:
            counts = f"{job.done}\t{job.total}\t{job.failed}"
            click.echo(f"{job.id}\t{job.created_at}\t{job.state}\t{counts}")
        return
    table = Table("id", "created", "state", "done", "of", "failed", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    for job in found:
        numbers = map(str, (job.done, job.total, job.failed))
        table.add_row(job.id, job.created_at[:19], job.state, *numbers)
    console.print(table, markup=False)
