"""`glimpse search`: find pictures by a sentence, by other pictures, or by both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli.arguments.auto_float import Auto, AutoFloat
from cli.arguments.image_id import listed_id
from cli.arguments.output_file import OutputFile
from cli.arguments.photo_conditions import Circle, Moment, photo_filter
from cli.arguments.query import LIKE, UNLIKE, ImageTerm, Query, TextTerm
from cli.arguments.tag_name import TagName
from cli.exit_codes import INCOMPLETE
from cli.sheet import with_known_suffix, write_sheet
from cli.terminal.table import on_terminal, print_rows, say_how_many
from cli.terminal.text import Text
from glimpse_client import Glimpse
from glimpse_client.answers import Hit, Search


@click.command()
@click.argument("text", default="", type=Text())
@click.option(
    "--image",
    "images",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Search by this picture file; it need not be indexed.",
)
@click.option(
    "--like",
    "like",
    type=ImageTerm(LIKE),
    multiple=True,
    metavar="ID[:WEIGHT]",
    help="Search for pictures like this indexed image (default weight 1). Repeatable.",
)
@click.option(
    "--unlike",
    "unlike",
    type=ImageTerm(UNLIKE),
    multiple=True,
    metavar="ID[:WEIGHT]",
    help="Search for pictures unlike this indexed image (default weight 0.5). Repeatable.",
)
@click.option(
    "--not",
    "unwanted",
    type=TextTerm(UNLIKE),
    multiple=True,
    metavar="TEXT[:WEIGHT]",
    help="Search for pictures that do not show TEXT (default weight 0.5). Repeatable.",
)
@click.option(
    "-t",
    "--tag",
    "tags",
    type=TagName(),
    multiple=True,
    help="Find only pictures with this tag. Repeatable.",
)
@click.option(
    "--taken-after",
    type=Moment(),
    metavar="TIME",
    help="Find only pictures taken at this time or later, such as 2026-01-31.",
)
@click.option(
    "--taken-before",
    type=Moment(),
    metavar="TIME",
    help="Find only pictures taken before this time.",
)
@click.option(
    "--camera",
    type=Text(),
    help="Find only pictures taken with cameras whose name begins like this, in any case.",
)
@click.option(
    "--near",
    type=Circle(),
    metavar="LAT,LON,KM",
    help="Find only pictures taken at most KM kilometres from this place.",
)
@click.option(
    "--min-score",
    type=AutoFloat(-1, 1),
    metavar="SCORE|auto",
    help="Minimum score of a hit, -1 to 1; auto leaves out what is noise for the model.",
)
@click.option(
    "-k",
    "--top-k",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Maximum number of hits.",
)
@click.option(
    "--offset",
    default=0,
    type=click.IntRange(0, 10_000),
    help="Number of hits to skip.",
)
@click.option(
    "--group-duplicates",
    type=AutoFloat(0.5, 1),
    metavar="auto|COSINE",
    help="List near-duplicates below the best of them; or images with at least this cosine"
    " similarity, 0.5 to 1.",
)
@click.option(
    "-o",
    "--sheet",
    type=OutputFile(),
    callback=with_known_suffix,
    help="Write a contact sheet of the hits to this PNG or JPEG file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def search(
    *,
    text: str,
    images: tuple[Path, ...],
    like: tuple[dict[str, Any], ...],
    unlike: tuple[dict[str, Any], ...],
    unwanted: tuple[dict[str, Any], ...],
    tags: tuple[str, ...],
    taken_after: str | None,
    taken_before: str | None,
    camera: str | None,
    near: dict[str, float] | None,
    min_score: float | Auto | None,
    top_k: int,
    offset: int,
    group_duplicates: float | Auto | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Find pictures that show TEXT, best match first.

    Texts, pictures and images are combined; those of --unlike and --not count
    against a picture. Exits with status 1 if nothing is found.

    \b
    Example:
      glimpse search "a white dog" --sheet sheet.png
      glimpse search --image dog.jpg --not "snow:0.3" --tag holiday
      glimpse search "a dog" --taken-after 2026-01-31 --near 48.14,11.58,5
    """  # noqa: D301 - click's marker for preformatted lines
    if len(images) > 1:
        raise click.UsageError("--image can be given once; combine it with TEXT and --like.")
    image = next(iter(images), None)
    terms = (*like, *unlike, *unwanted)
    photo = photo_filter(
        taken_after=taken_after, taken_before=taken_before, camera=camera, near=near
    )
    query = Query(text, top_k, terms, image, tags, min_score, offset, group_duplicates, photo)
    if query.is_empty:
        raise click.UsageError("Nothing to search for: give TEXT, --image or --like.")
    with Glimpse.from_environ() as client:
        found = query.run(client)
        if sheet is not None and found.hits:
            write_sheet(client, found, sheet)
        total = None if as_json else _total(client, query, found)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    elif found.hits:
        show_hits(found)
        if total is not None:
            say_how_many(len(found.hits), total, "--top-k")
    if not found.hits:
        click.echo(_nothing_found(query), err=True)
        sys.exit(INCOMPLETE)


def _total(client: Glimpse, query: Query, found: Search) -> int | None:
    """Return how many images the filter leaves, for a terminal that shows only some of them."""
    is_cut = on_terminal() and len(found.hits) == query.top_k
    if not is_cut or query.min_score is not None or query.group_duplicates is not None:
        return None
    total = client.count(filter=query.filter or None)
    return total if total is not None and total > query.top_k + query.offset else None


def _nothing_found(query: Query) -> str:
    if query.offset:
        return f"There are no more than {query.offset} hits: give a smaller --offset."
    if query.filter or query.min_score is not None:
        return "No pictures match these options, such as --tag, --near or --min-score."
    return "No pictures found. Add pictures with `glimpse ingest`."


def _rows(hit: Hit) -> Iterator[list[str]]:
    """Yield a hit's row, and indented rows without a rank for the members of its group."""
    yield [str(hit.rank), f"{hit.score:.4f}", hit.filename, listed_id(hit.id)]
    for each in hit.duplicates:
        yield ["", f"{each.score:.4f}", f"  {each.filename}", listed_id(each.id)]


def show_hits(found: Search) -> None:
    """Print the hits as a table, each with its near-duplicates."""
    print_rows((row for hit in found.hits for row in _rows(hit)), ("rank", "score", "file", "id"))
