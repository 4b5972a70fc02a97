"""`glimpse dead-letters`: list, replay and delete dead letters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice

import click

from cli.arguments.image_id import ImageId, listed_id, whole_letter_id
from cli.exit_codes import INCOMPLETE
from cli.terminal.table import limit_option, on_terminal, print_list
from glimpse_client import Glimpse
from glimpse_client.answers import DeadLetter, DeadLettersPage
from glimpse_client.errors import NotThere


@click.group("dead-letters")
def dead_letters() -> None:
    """List, replay and delete dead letters.

    A dead letter is an image that the service gave up on.

    \b
    Example:
      glimpse dead-letters list | cut -f1 | xargs glimpse dead-letters replay
    """  # noqa: D301 - click's marker for preformatted lines


@dead_letters.command("list")
@limit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_letters(limit: int | None, as_json: bool) -> None:
    """List dead letters, newest first.

    If the output is not a terminal, each line has the image ID, time, error code,
    number of attempts and file name, separated by tabs.
    """
    with Glimpse.from_environ() as client:
        found = client.dead_letters()
        if as_json:
            page = DeadLettersPage(dead_letters=tuple(islice(found, limit)))
            click.echo(page.model_dump_json(indent=2, exclude={"next_cursor"}))
        elif not print_list(found, _row, ("id", "time", "code", "attempts", "file"), limit):
            click.echo("No dead letters found.", err=True)


@dead_letters.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def replay(ids: tuple[str, ...]) -> None:
    """Retry the images with these IDs, each in a new job.

    Prints the ID of each job; follow it with `glimpse status JOB --wait`. Exits with
    status 1 if an image has no dead letter or its bytes no longer exist.
    """

    def replay_one(client: Glimpse, image_id: str) -> str:
        return f"{image_id}\t{client.replay(image_id).id}"

    _for_each(ids, replay_one)


@dead_letters.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def forget(ids: tuple[str, ...]) -> None:
    """Delete the dead letters of the images with these IDs.

    Exits with status 1 if an image has no dead letter.
    """

    def forget_one(client: Glimpse, image_id: str) -> str | None:
        return f"forgot {image_id}" if client.forget(image_id) else None

    _for_each(ids, forget_one)


def _for_each(ids: Sequence[str], action: Callable[[Glimpse, str], str | None]) -> None:
    """Apply an action to each distinct ID, print the results, and exit with 1 if any is missing."""
    missing = False
    with Glimpse.from_environ() as client:
        for image_id in dict.fromkeys(whole_letter_id(client, each) for each in ids):
            try:
                done = action(client, image_id)
            except NotThere as error:
                done = None
                click.echo(f"{image_id}: {error.detail}", err=True)
            else:
                click.echo(done or f"There is no dead letter {image_id}.", err=done is None)
            missing = missing or done is None
    if missing:
        sys.exit(INCOMPLETE)


def _row(letter: DeadLetter) -> tuple[str, ...]:
    time = letter.dead_at[:19] if on_terminal() else letter.dead_at
    return listed_id(letter.id), time, letter.code, str(letter.attempts), letter.filename
