"""`glimpse images` and `glimpse delete`: what is indexed, and away with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice

import click
from rich.console import Console
from rich.table import Table

from cli.exit_codes import INCOMPLETE
from cli.image_id import ImageId
from cli.text import Text
from glimpse_client import Glimpse
from glimpse_client.answers import Image, ImagesPage


@click.command()
@click.option("--tag", type=Text(), help="Only images that carry this tag.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=1), help="Images, at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def images(tag: str | None, limit: int, as_json: bool) -> None:
    """List indexed images, the newest first.

    Where the output is no terminal, each image is a line of its id, its time, its
    size and its file, with tabs between them.

    \b
    Example:
      glimpse images --tag holiday --limit 10
    """  # noqa: D301 - click's mark for lines that are kept
    with Glimpse.from_environ() as client:
        found = list(islice(client.images(tag), limit))
    if as_json:
        click.echo(
            ImagesPage(images=tuple(found)).model_dump_json(indent=2, exclude={"next_cursor"})
        )
    elif found:
        _show(found)
    else:
        click.echo("There are no images. See `glimpse ingest`.", err=True)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def delete(ids: tuple[str, ...]) -> None:
    """Delete the images with these IDs: no search finds them any more.

    Exit status 1 if any of them was not there.

    \b
    Example:
      glimpse images --tag old | cut -f1 | xargs glimpse delete
    """  # noqa: D301 - click's mark for lines that are kept
    with Glimpse.from_environ() as client:
        missing = [image_id for image_id in dict.fromkeys(ids) if not _delete(client, image_id)]
    if missing:
        sys.exit(INCOMPLETE)


def _delete(client: Glimpse, image_id: str) -> bool:
    """Delete an image and say so; return whether it was there."""
    was_there = client.delete(image_id)
    if was_there:
        click.echo(f"deleted {image_id}")
    else:
        click.echo(f"There is no image {image_id}.", err=True)
    return was_there


def _show(found: Sequence[Image]) -> None:
    console = Console()
    if not console.is_terminal:
        # Lines for `cut` and `xargs`: neither wrapped nor framed.
        for image in found:
            size = f"{image.width}x{image.height}"
            click.echo(f"{image.id}\t{image.indexed_at}\t{size}\t{image.filename}")
        return
    table = Table("id", "indexed", "size", "file", "tags", box=None)
    for image in found:
        size, tags = f"{image.width}x{image.height}", ", ".join(image.tags)
        table.add_row(image.id, image.indexed_at[:19], size, image.filename, tags)
    console.print(table, markup=False)
