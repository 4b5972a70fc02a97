"""`glimpse dead-letters`: images that the service gave up, tried again or forgotten."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice

import click
from rich.console import Console
from rich.table import Table

from cli.exit_codes import INCOMPLETE
from cli.image_id import ImageId
from glimpse_client import Glimpse
from glimpse_client.answers import DeadLetter, DeadLettersPage
from glimpse_client.errors import NotThere


@click.group("dead-letters")
def dead_letters() -> None:
    """List images that the service gave up, try them again or forget them.

    \b
    Example:
      glimpse dead-letters list | cut -f1 | xargs glimpse dead-letters replay
    """  # noqa: D301 - click's mark for lines that are kept


@dead_letters.command("list")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=1), help="Letters, at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_letters(limit: int, as_json: bool) -> None:
    """List dead letters, the newest first.

    Where the output is no terminal, each is a line of its image's id, its time, why
    it was given up, how often it was tried, and its file, with tabs between them.
    """
    with Glimpse.from_environ() as client:
        found = list(islice(client.dead_letters(), limit))
    if as_json:
        page = DeadLettersPage(dead_letters=tuple(found))
        click.echo(page.model_dump_json(indent=2, exclude={"next_cursor"}))
    elif found:
        _show(found)
    else:
        click.echo("There are no dead letters.", err=True)


@dead_letters.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def replay(ids: tuple[str, ...]) -> None:
    """Try the images with these IDs again, each in a job of its own.

    Prints each job's id; `glimpse status JOB --wait` tells what becomes of it. Exit
    status 1 if there was no dead letter of one of them, or its bytes are gone.
    """

    def again(client: Glimpse, image_id: str) -> str:
        return f"{image_id}\t{client.replay(image_id).id}"

    _each(ids, again)


@dead_letters.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def forget(ids: tuple[str, ...]) -> None:
    """Delete the dead letters of the images with these IDs.

    Exit status 1 if there was none of one of them.
    """

    def away(client: Glimpse, image_id: str) -> str | None:
        return f"forgot {image_id}" if client.forget(image_id) else None

    _each(ids, away)


def _each(ids: Sequence[str], do: Callable[[Glimpse, str], str | None]) -> None:
    """Do something to each once, say what was done, and end with 1 where one was not there."""
    missing = False
    with Glimpse.from_environ() as client:
        for image_id in dict.fromkeys(ids):
            try:
                done = do(client, image_id)
            except NotThere as error:
                done = None
                click.echo(f"{image_id}: {error.detail}", err=True)
            else:
                click.echo(done or f"There is no dead letter {image_id}.", err=done is None)
            missing = missing or done is None
    if missing:
        sys.exit(INCOMPLETE)


def _show(found: Sequence[DeadLetter]) -> None:
    console = Console()
    if not console.is_terminal:
        # Lines for `cut` and `xargs`: neither wrapped nor framed.
        for letter in found:
            why = f"{letter.code}\t{letter.attempts}"
            click.echo(f"{letter.id}\t{letter.dead_at}\t{why}\t{letter.filename}")
        return
    table = Table("id", "given up", "code", "tries", "file", box=None)
    for letter in found:
        tries = str(letter.attempts)
        table.add_row(letter.id, letter.dead_at[:19], letter.code, tries, letter.filename)
    console.print(table, markup=False)
