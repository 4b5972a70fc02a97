"""`glimpse images` and `glimpse delete`: list and delete indexed images."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any, get_args

import click

from cli.arguments.image_id import ImageId, listed_id, whole_image_id
from cli.arguments.selection import FILTER, NONE_MATCH
from cli.arguments.tag_name import TagName
from cli.exit_codes import INCOMPLETE
from cli.terminal.table import limit_option, on_terminal, print_list
from cli.terminal.text import shown
from glimpse_client import Glimpse
from glimpse_client.answers import Image, ImagesPage
from glimpse_client.glimpse import Sort

_COLUMNS = ("id", "indexed", "size", "file", "tags", "taken")


@click.command()
@click.option("-t", "--tag", type=TagName(), help="List only images with this tag.")
@FILTER
@click.option(
    "-s",
    "--sort",
    type=click.Choice(get_args(Sort)),
    metavar="ORDER",
    help="taken_at, indexed_at, filename or bytes; with - in front, the highest first.",
)
@limit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def images(
    tag: str | None,
    wanted: dict[str, Any] | None,
    sort: Sort | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List indexed images, newest first.

    If the output is not a terminal, each line has the image ID, time, size, file name,
    tags and when the picture was taken, separated by tabs. --json also has what else
    the picture's file says of itself: where and with which camera it was taken.

    \b
    Example:
      glimpse images --tag holiday --limit 10
      glimpse images --sort -taken_at --filter '{"not": {"camera": {"prefix": "Canon"}}}'
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        found = client.images(tag, filter=wanted, sort=sort)
        if as_json:
            page = ImagesPage(images=tuple(islice(found, limit)))
            click.echo(page.model_dump_json(indent=2, exclude={"next_cursor", "count"}))
        elif not print_list(found, _row, _COLUMNS, limit, lambda: client.count(tag, filter=wanted)):
            is_selected = tag is not None or wanted
            none = "No images found. Add pictures with `glimpse ingest`."
            click.echo(NONE_MATCH if is_selected else none, err=True)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1, type=ImageId())
@click.option("-t", "--tag", type=TagName(), help="Delete all images with this tag.")
@FILTER
@click.option("-y", "--yes", is_flag=True, help="Do not ask before --tag or --filter deletes.")
def delete(ids: tuple[str, ...], tag: str | None, wanted: dict[str, Any] | None, yes: bool) -> None:
    """Delete the images with these IDs, or all with a tag or that match a filter.

    Searches no longer find them. Exits with status 1 if any of them does not exist.

    \b
    Example:
      glimpse delete --tag old
      glimpse images --tag old | cut -f1 | xargs glimpse delete
    """  # noqa: D301 - click's marker for preformatted lines
    if bool(ids) == (tag is not None or wanted is not None):
        raise click.UsageError("Give either IDs, or --tag and --filter.")
    with Glimpse.from_environ() as client:
        ids = tuple(whole_image_id(client, each) for each in ids)
        if not ids:
            ids = _selected(client, tag, wanted, ask=not yes)
        missing = [image_id for image_id in dict.fromkeys(ids) if not _delete(client, image_id)]
    if missing:
        sys.exit(INCOMPLETE)


def _selected(
    client: Glimpse, tag: str | None, wanted: dict[str, Any] | None, *, ask: bool
) -> tuple[str, ...]:
    """Return the IDs of the images to delete, once the user agrees to it."""
    ids = tuple(image.id for image in client.images(tag, filter=wanted))
    tagged = None if tag is None else f"the tag {shown(tag)}"
    if not ids:
        click.echo(f"No images have {tagged}." if tagged else NONE_MATCH, err=True)
        sys.exit(INCOMPLETE)
    if ask and not _agrees(len(ids), f"with {tagged}" if tagged else "found by the filter"):
        click.echo("Nothing was deleted.", err=True)
        sys.exit(INCOMPLETE)
    return ids


def _agrees(count: int, which: str) -> bool:
    images = "1 image" if count == 1 else f"{count} images"
    question = f"Delete {images} {which}?"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Confirm with --yes; there is no terminal to ask on.")
    return click.confirm(question, err=True)


def _delete(client: Glimpse, image_id: str) -> bool:
    """Delete an image, print the result, and return whether the image existed."""
    existed = client.delete(image_id)
    if existed:
        click.echo(f"deleted {image_id}")
    else:
        click.echo(f"There is no image {image_id}.", err=True)
    return existed


def _row(image: Image) -> tuple[str, ...]:
    time = image.indexed_at[:19] if on_terminal() else image.indexed_at
    size, tags = f"{image.width}x{image.height}", ", ".join(image.tags)
    taken = (image.photo and image.photo.taken_at) or ""
    return listed_id(image.id), time, size, image.filename, tags, taken
