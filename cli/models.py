"""`glimpse models`: list the models, switch the active one, and drop a collection."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import click
from rich.console import Console

from cli.exit_codes import INCOMPLETE
from cli.terminal.table import on_terminal, print_rows
from cli.terminal.text import Text
from glimpse_client import Glimpse
from glimpse_client.answers import Model, Models

# Seconds between polls of a switch.
_POLL_S = 0.5
# Characters of a revision in the table; it is a digest.
_REVISION_LENGTH = 12
_COLUMNS = ("name", "active", "images", "dim", "revision", "ingest", "search")


@click.group()
def models() -> None:
    """List models, switch the active one, and drop what is no longer used.

    One model is active: its workers run uploads and searches. Other models can
    have a collection beside it, which `glimpse reindex` fills.

    \b
    Example:
      glimpse reindex --model ViT-L/14
      glimpse models use ViT-L/14
    """  # noqa: D301 - click's marker for preformatted lines


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_models(as_json: bool) -> None:
    """List the models that have a collection.

    If the output is not a terminal, each line has the name, whether the model is
    active, the number of images, the dimension, the revision, and the number of
    ingest and search workers, separated by tabs.
    """
    with Glimpse.from_environ() as client:
        found = client.models()
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    if found.models:
        print_rows(map(_row, found.models), _COLUMNS)
    else:
        click.echo("No models found. Start a worker.", err=True)
    if found.switch is not None and found.switch.state == "running":
        click.echo(f"A switch to {found.switch.model} is in progress.", err=True)


@models.command()
@click.argument("model", type=Text())
@click.option("--allow-missing", is_flag=True, help="Switch even if MODEL lacks images.")
@click.option("--no-wait", is_flag=True, help="Start the switch, and do not wait for its end.")
def use(model: str, allow_missing: bool, no_wait: bool) -> None:
    """Switch all uploads and searches to MODEL.

    Workers of MODEL must be running, and `glimpse reindex` must have embedded the
    images. A switch embeds the last ones that are missing; it is refused, with
    exit status 1, if many or some that cannot be embedded are missing.

    The old model's collection stays: `glimpse models use OLD` switches back.

    \b
    Example:
      glimpse models use ViT-L/14
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client, _hint_that_it_continues():
        found = client.use_model(model, allow_missing=allow_missing)
        if no_wait and found.active != model:
            click.echo("The switch is in progress; see `glimpse models list`.", err=True)
            return
        refusal = _wait(client, model, found)
    if refusal is not None:
        click.echo(refusal, err=True)
        sys.exit(INCOMPLETE)
    click.echo(f"{model} is the active model.")


@models.command()
@click.argument("model", type=Text())
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def drop(model: str, yes: bool) -> None:
    """Drop the collection of MODEL, which must neither be active nor have workers.

    The images stay, but using MODEL again requires another reindex. Exits with
    status 1 if MODEL has no collection.

    \b
    Example:
      glimpse models drop ViT-B/32
    """  # noqa: D301 - click's marker for preformatted lines
    if not yes:
        click.confirm(f"Drop all embeddings of {model}?", abort=True, err=True)
    with Glimpse.from_environ() as client:
        existed = client.drop_model(model)
    if not existed:
        click.echo(f"The model {model} has no collection. See `glimpse models list`.", err=True)
        sys.exit(INCOMPLETE)
    click.echo(f"dropped {model}")


def _wait(client: Glimpse, model: str, found: Models) -> str | None:
    """Wait until a switch has ended; return why it was refused, or None if it was not."""
    with Console(stderr=True).status(f"Switching to {model}"):
        while found.active != model:
            switch = found.switch
            if switch is None or switch.model != model:
                return "Another switch has replaced this one; see `glimpse models list`."
            if switch.state == "refused":
                return switch.detail or "The switch was refused."
            sleep(_POLL_S)
            found = client.models()
    return None


@contextmanager
def _hint_that_it_continues() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "The switch continues; see `glimpse models list`."
            " To call it off, run `glimpse models use` with the active model.",
            err=True,
        )
        raise


def _row(model: Model) -> tuple[str, ...]:
    revision = model.revision[:_REVISION_LENGTH] if on_terminal() else model.revision
    return (
        model.name,
        "yes" if model.active else "no",
        str(model.images),
        str(model.dim),
        revision,
        str(model.workers.ingest),
        str(model.workers.search),
    )
