"""`glimpse status`: the progress of a job."""

from __future__ import annotations

import sys
import time

import click

from cli.exit_codes import INCOMPLETE
from cli.progress_bars import make_progress_bars
from cli.text import listed, shown
from glimpse_client import Glimpse
from glimpse_client.answers import Item, Job

# Seconds between polls.
_POLL_S = 0.5


@click.command()
@click.argument("job_id", metavar="JOB")
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
        job = _wait(client, job_id, hide_bar=as_json) if wait else client.job(job_id)
        failures = list(client.items(job_id, state="failed")) if job.failed and not as_json else []
    click.echo(job.model_dump_json(indent=2) if as_json else _describe(job, failures))
    if job.failed:
        sys.exit(INCOMPLETE)


def _wait(client: Glimpse, job_id: str, hide_bar: bool) -> Job:
    job = client.job(job_id)
    with make_progress_bars(hide_bar) as bars:
        bar = bars.add_task("Processing", total=job.total)
        while not job.ended:
            bars.update(bar, completed=job.done)
            time.sleep(_POLL_S)
            job = client.job(job_id)
        bars.update(bar, completed=job.done)
    return job


def _describe(job: Job, failures: list[Item]) -> str:
    lines = [
        f"{job.state}: {job.done} of {job.total} done",
        f"{job.indexed} indexed, {job.duplicates} duplicates, {job.failed} failed",
    ]
    if job.cancelled:
        lines.append(f"{job.cancelled} cancelled")
    if job.skipped:
        lines.append(f"Skipped {listed(job.skipped)}.")
    if not job.ended and job.eta_s is not None:
        lines.append(f"{job.rate_per_s or 0:.1f} pictures/s, {job.eta_s:.0f} s left")
    return "\n".join(
        lines
        + [
            f"  {shown(item.filename)}: {item.code}: {shown(item.detail or '')}"
            for item in failures
        ]
    )
