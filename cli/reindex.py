"""`glimpse reindex`: embed all images with another model, beside the active one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import click
from rich.progress import Progress, TaskID

from cli.exit_codes import INCOMPLETE
from cli.terminal.progress_bars import make_progress_bars
from cli.terminal.text import Text
from glimpse_client import Glimpse
from glimpse_client.answers import Reindex
from glimpse_client.errors import RequestRefused

# Seconds between polls.
_POLL_S = 0.5
# The server's code if a reindex, of any model, is running.
_RUNNING = "reindex_running"


@click.command()
@click.option(
    "--model", type=Text(), help="Model to embed all images with; its workers must be running."
)
@click.option("--cancel", is_flag=True, help="Cancel the reindex; what it has embedded stays.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar."
)
def reindex(model: str | None, cancel: bool, as_json: bool) -> None:
    """Embed all images with another model, beside the active one.

    Shows the progress until the end; without options, describes the last reindex.
    Uploads and searches continue and come first. Images that the model has are not
    embedded again, so a cancelled or incomplete reindex resumes where it ended.
    Afterwards, `glimpse models use MODEL` switches to the model.

    Exits with status 1 if images are missing at the end.

    \b
    Example:
      glimpse reindex --model ViT-L/14
    """  # noqa: D301 - click's marker for preformatted lines
    if cancel and model is not None:
        raise click.UsageError("--cancel takes no --model: there is one reindex at a time.")
    with Glimpse.from_environ() as client:
        if cancel:
            found = client.cancel_reindex()
        elif model is None:
            found = client.reindex()
        else:
            with _hint_that_it_continues():
                found = _follow(client, _start(client, model), hide_bar=as_json)
    click.echo(found.model_dump_json(indent=2) if as_json else _describe(found))
    if model is not None and found.state != "complete":
        sys.exit(INCOMPLETE)
    if model is not None and not as_json:
        click.echo(f"To search with it, run `glimpse models use {model}`.", err=True)


def _start(client: Glimpse, model: str) -> Reindex:
    """Start a reindex, or return the running one if it is for the same model."""
    try:
        return client.start_reindex(model)
    except RequestRefused as error:
        found = client.reindex() if error.code == _RUNNING else None
        if found is None or found.model != model:
            raise
        return found


def _follow(client: Glimpse, first: Reindex, hide_bar: bool) -> Reindex:
    """Show a reindex's progress until it, or another one that has replaced it, ends."""
    found = first
    with make_progress_bars(hide_bar) as bars:
        bar = bars.add_task("Reindexing", total=None)
        while not found.ended:
            _update(bars, bar, first, found)
            sleep(_POLL_S)
            found = client.reindex()
        _update(bars, bar, first, found)
    return found


def _update(bars: Progress, bar: TaskID, first: Reindex, found: Reindex) -> None:
    bars.update(
        bar,
        description=f"Reindexing: {found.embedded} embedded, {found.failed} failed",
        # No rows have been counted before the first page.
        total=found.images or None,
        completed=found.present,
        uncounted=found.present - (found.embedded - first.embedded),
    )


@contextmanager
def _hint_that_it_continues() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "The reindex continues. To follow it again, run the same command;"
            " to cancel it, run `glimpse reindex --cancel`.",
            err=True,
        )
        raise


def _describe(found: Reindex) -> str:
    counts = f"{found.model} has {found.present} of {found.images} images"
    details = f"{found.embedded} embedded, {found.failed} failed"
    line = f"{found.state}: {counts} ({details})"
    return f"{line}\n{found.detail}" if found.detail else line
