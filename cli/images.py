"""`glimpse images` and `glimpse delete`: list and delete indexed images."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice

import click
from rich.console import Console
from rich.table import Table

from cli.exit_codes import INCOMPLETE
from cli.image_id import ImageId
from cli.text import Text, shown
from glimpse_client import Glimpse
from glimpse_client.answers import Image, ImagesPage


@click.command()
@click.option("--tag", type=Text(), help="List only images with this tag.")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Maximum number of images.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def images(tag: str | None, limit: int, as_json: bool) -> None:
    """List indexed images, newest first.

    If the output is not a terminal, each line has the image ID, time, size and file
    name, separated by tabs.

    \b
    Example:
      glimpse images --tag holiday --limit 10
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        found = list(islice(client.images(tag), limit))
    if as_json:
        click.echo(
            ImagesPage(images=tuple(found)).model_dump_json(indent=2, exclude={"next_cursor"})
        )
    elif found:
        _show(found)
    else:
        click.echo("No images found. Add pictures with `glimpse ingest`.", err=True)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ImageId())
def delete(ids: tuple[str, ...]) -> None:
    """Delete the images with these IDs.

    Searches no longer find them. Exits with status 1 if any of them does not exist.

    \b
    Example:
      glimpse images --tag old | cut -f1 | xargs glimpse delete
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        missing = [image_id for image_id in dict.fromkeys(ids) if not _delete(client, image_id)]
    if missing:
        sys.exit(INCOMPLETE)


def _delete(client: Glimpse, image_id: str) -> bool:
    """Delete an image, print the result, and return whether the image existed."""
    existed = client.delete(image_id)
    if existed:
        click.echo(f"deleted {image_id}")
    else:
        click.echo(f"There is no image {image_id}.", err=True)
    return existed


def _show(found: Sequence[Image]) -> None:
    console = Console()
    if not console.is_terminal:
        # Plain lines for `cut` and `xargs`.
        for image in found:
            size = f"{image.width}x{image.height}"
            click.echo(f"{image.id}\t{image.indexed_at}\t{size}\t{shown(image.filename)}")
        return
    table = Table("id", "indexed", "size", "file", "tags", box=None)
    for image in found:
        size, tags = f"{image.width}x{image.height}", ", ".join(map(shown, image.tags))
        table.add_row(image.id, image.indexed_at[:19], size, shown(image.filename), tags)
    console.print(table, markup=False)
