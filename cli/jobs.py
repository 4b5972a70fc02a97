"""`glimpse jobs` and `glimpse cancel`: list and cancel jobs."""

from __future__ import annotations

from itertools import islice

import click

from cli.arguments.image_id import JobId, listed_id, whole_job_id
from cli.terminal.table import limit_option, on_terminal, print_list
from glimpse_client import Glimpse
from glimpse_client.answers import Job, JobsPage

_STATES = ("queued", "running", "succeeded", "partial", "failed", "cancelled")
_COLUMNS = ("id", "created", "state", "done", "of", "failed", "kind", "name")


@click.command()
@click.option("--state", type=click.Choice(_STATES), help="List only jobs in this state.")
@limit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def jobs(state: str | None, limit: int | None, as_json: bool) -> None:
    """List jobs, newest first.

    If the output is not a terminal, each line has the job ID, time, state, the
    number of images done, in total and failed, the kind of job, and the name it was
    opened with or its archive's file name, separated by tabs. For more about one
    job, run `glimpse status JOB`.

    \b
    Example:
      glimpse jobs --state running
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        found = client.jobs(state)
        if as_json:
            page = JobsPage(jobs=tuple(islice(found, limit)))
            click.echo(page.model_dump_json(indent=2, exclude={"next_cursor"}))
        elif not print_list(found, _row, _COLUMNS, limit):
            click.echo("No jobs found. Add pictures with `glimpse ingest`.", err=True)


@click.command()
@click.argument("job_ids", metavar="JOB...", nargs=-1, required=True, type=JobId())
def cancel(job_ids: tuple[str, ...]) -> None:
    """Cancel jobs.

    Images of each JOB that are not yet started are cancelled; indexed images remain.

    \b
    Example:
      glimpse cancel 2f1c9e6ad0b84b7c8f3f6b1f0a7d5e42
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        for job in [client.cancel(whole_job_id(client, each)) for each in job_ids]:
            counts = f"{job.done} of {job.total} done, {job.cancelled} cancelled"
            click.echo(f"{job.state}: {counts}")


def _row(job: Job) -> tuple[str, ...]:
    time = job.created_at[:19] if on_terminal() else job.created_at
    counts = (str(job.done), str(job.total), str(job.failed))
    return listed_id(job.id), time, job.state, *counts, job.kind, job.name or ""
