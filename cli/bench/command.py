"""The command `glimpse bench`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console

from cli.arguments.output_file import OutputFile
from cli.bench.plot import bar, plot
from cli.bench.report import Kind, Report
from cli.bench.run import LoadTest, Measured, Plan
from cli.errors import ServiceNotReady
from cli.exit_codes import INCOMPLETE
from cli.terminal.table import print_rows
from common.loopback import is_loopback
from glimpse_client import Glimpse, RetryPolicy

# Milliseconds by which requests may be sent late without a warning.
_LATE_MS = 100
# Characters of a bar, and of a plot and its lines.
_BAR, _PLOT, _PLOT_LINES = 20, 60, 4
_NAMES = ("", "due", "succeeded", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms", "p95")


@click.command()
@click.option(
    "--seconds",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3600),
    help="How long to upload.",
)
@click.option(
    "--rate",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 500),
    help="Pictures per second, each in a request of its own.",
)
@click.option(
    "--searches",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 200),
    help="Searches per second.",
)
@click.option(
    "--pictures",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Maximum number of pictures, of about 26 KB each; uploads end after them.",
)
@click.option("--keep", is_flag=True, help="Do not delete the pictures afterwards.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before loading another machine.")
@click.option(
    "--json",
    "json_file",
    type=OutputFile(allow_dash=True),
    metavar="FILE",
    help="Write the figures to this file as JSON; - prints them instead of the table.",
)
def bench(
    *,
    seconds: int,
    rate: float,
    searches: float,
    pictures: int,
    keep: bool,
    yes: bool,
    json_file: Path | None,
) -> None:
    """Load a running service with uploads and searches, and measure it.

    Generated pictures are uploaded with a tag of this run, glimpse-bench-ID, while texts
    are searched for; before that, searches run alone for 5 seconds. Requests are sent
    when they are due, whether or not earlier ones were answered, and latencies count
    from then. Afterwards, also after Ctrl-C, the pictures are deleted.

    The key needs the scopes read and write. Exits with status 1 if a picture could not
    be deleted.

    \b
    Example:
      glimpse bench --rate 50 --searches 5
      glimpse bench --seconds 120 --json figures.json
    """  # noqa: D301 - click's marker for preformatted lines
    plan = Plan(seconds, rate, searches, pictures)
    tag = f"glimpse-bench-{secrets.token_hex(4)}"
    # The load is not retried: a refusal is a result.
    with Glimpse.from_environ() as client, Glimpse.from_environ(RetryPolicy(0)) as loader:
        _require_ready(client)
        _agree(client, plan, yes=yes)
        test = LoadTest(client, loader, plan, tag)
        with _status() as say, _cleaned_up(test, tag, say, keep=keep) as left:
            report, measured = test.run(say)
    report.left = sum(left)
    _publish(report, measured, json_file)
    if report.left:
        sys.exit(INCOMPLETE)


def _publish(report: Report, measured: Measured, json_file: Path | None) -> None:
    if report.late_ms > _LATE_MS:
        click.echo(
            f"This machine sent requests up to {report.late_ms:.0f} ms late, which the latencies"
            " include. Lower --rate, or use a faster machine.",
            err=True,
        )
    document = report.model_dump_json(indent=2)
    if json_file == Path("-"):
        click.echo(document)
        return
    _show(report, measured)
    if json_file is not None:
        json_file.write_text(f"{document}\n")


def _require_ready(client: Glimpse) -> None:
    if awaited := client.awaited():
        raise ServiceNotReady(f"{client.url} is not ready, so nothing was sent: {awaited}")


def _agree(client: Glimpse, plan: Plan, *, yes: bool) -> None:
    """Ask before another machine is loaded."""
    if yes or is_loopback(urlsplit(client.url).hostname or ""):
        return
    pictures = min(plan.pictures_max, max(round(plan.rate * plan.seconds), 1))
    question = f"Upload {pictures} pictures to {client.url} within {plan.seconds} s?"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Confirm with --yes; there is no terminal to ask on.")
    click.confirm(question, err=True, abort=True)


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal."""
    with Console(stderr=True).status("Starting") as line:
        yield line.update


@contextmanager
def _cleaned_up(
    test: LoadTest, tag: str, say: Callable[[str], None], *, keep: bool
) -> Iterator[list[int]]:
    """Delete the pictures after the block, however it ends; provide how many are left."""
    left: list[int] = []
    how = f"To delete them, run: glimpse delete --tag {tag}"
    try:
        yield left
    finally:
        if keep:
            click.echo(f"The pictures are kept. {how}", err=True)
        else:
            say("Deleting the pictures")
            try:
                left.append(test.clean_up())
            except BaseException:
                click.echo(f"Some pictures may not be deleted. {how}", err=True)
                raise
            if left[0]:
                click.echo(f"{left[0]} pictures could not be deleted. {how}", err=True)


def _show(report: Report, measured: Measured) -> None:
    kinds = {
        "searches alone": report.searches_idle,
        "searches": report.searches,
        "uploads": report.uploads,
        "searchable": report.searchable,
    }
    slowest = max((kind.latency_ms.p95 for kind in kinds.values() if kind.latency_ms), default=0)
    print_rows((_row(name, kind, slowest) for name, kind in kinds.items()), _NAMES)
    for name, kind in kinds.items():
        for code, count in kind.errors.items():
            click.echo(f"{name}: {count} {code}")
    for name, samples in (("uploads", measured.uploads), ("searches", measured.searches)):
        lines = plot(samples, measured.began_s, report.seconds, _PLOT, _PLOT_LINES)
        if lines:
            click.echo("\n".join([f"\nhighest latency of {name}", *lines]))


def _row(name: str, kind: Kind, slowest: float) -> list[str]:
    counts = [name, str(kind.due), str(kind.succeeded), f"{kind.per_s:.1f}"]
    latency = kind.latency_ms
    if latency is None:
        return [*counts, *[""] * 5]
    figures = (latency.p50, latency.p95, latency.p99, latency.max)
    return [*counts, *(f"{each:.0f}" for each in figures), bar(latency.p95, slowest, _BAR)]
