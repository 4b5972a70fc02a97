"""`glimpse status`: the progress of a job."""

from __future__ import annotations

import sys

import click

from cli.arguments.image_id import JobId, whole_job_id
from cli.exit_codes import INCOMPLETE
from cli.terminal.job_progress import describe, follow
from glimpse_client import Glimpse
from glimpse_client.answers import Item, Job


@click.command()
@click.argument("job_id", metavar="JOB", type=JobId())
@click.option("--wait", is_flag=True, help="Wait until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(job_id: str, wait: bool, as_json: bool) -> None:
    """Show the progress of JOB.

    Exits with status 1 if any picture failed.

    \b
    Example:
      glimpse status 2f1c9e6ad0b84b7c8f3f6b1f0a7d5e42 --wait
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        job = client.job(whole_job_id(client, job_id))
        if wait:
            job = follow(client, job, "Processing", hidden=as_json)
        failures = list(client.items(job, state="failed")) if job.failed and not as_json else []
    click.echo(job.model_dump_json(indent=2) if as_json else describe_job(job, failures))
    if job.failed:
        sys.exit(INCOMPLETE)


def describe_job(job: Job, failures: list[Item]) -> str:
    """Return a job's progress, and why pictures failed."""
    lines = [f"{job.state}: {job.done} of {job.total} done"]
    if not job.ended and job.eta_s is not None:
        lines.append(f"{job.rate_per_s or 0:.1f} pictures/s, {job.eta_s:.0f} s left")
    return "\n".join([*lines, describe(job, failures)])
