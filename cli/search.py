"""`glimpse search`: find pictures by a sentence, by other pictures, or by both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.exit_codes import INCOMPLETE
from cli.query import LIKE, UNLIKE, ImageTerm, Query, TextTerm
from cli.text import Text, shown
from glimpse_client import Glimpse
from glimpse_client.answers import Search


@click.command()
@click.argument("text", default="", type=Text())
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
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
    "--tag",
    "tags",
    type=Text(),
    multiple=True,
    help="Find only pictures with this tag. Repeatable.",
)
@click.option("--min-score", type=click.FloatRange(-1, 1), help="Minimum score of a hit.")
@click.option(
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
    type=click.FloatRange(0.5, 1),
    metavar="COSINE",
    help="Group near-duplicates with at least this cosine similarity (0.5 to 1) into one hit.",
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a contact sheet of the hits to this PNG file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def search(
    *,
    text: str,
    image: Path | None,
    like: tuple[dict[str, Any], ...],
    unlike: tuple[dict[str, Any], ...],
    unwanted: tuple[dict[str, Any], ...],
    tags: tuple[str, ...],
    min_score: float | None,
    top_k: int,
    offset: int,
    group_duplicates: float | None,
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
    """  # noqa: D301 - click's marker for preformatted lines
    terms = (*like, *unlike, *unwanted)
    query = Query(text, top_k, terms, image, tags, min_score, offset, group_duplicates)
    if query.is_empty:
        raise click.UsageError("Nothing to search for: give TEXT, --image or --like.")
    with Glimpse.from_environ() as client:
        found = query.run(client)
        if sheet is not None and found.hits:
            write_sheet(client, found, sheet)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    elif found.hits:
        show_hits(found)
    if not found.hits:
        click.echo(_nothing_found(query), err=True)
        sys.exit(INCOMPLETE)


def _nothing_found(query: Query) -> str:
    if query.tags or query.offset or query.min_score is not None:
        return "No pictures match this --tag, --min-score or --offset."
    return "No pictures found. Add pictures with `glimpse ingest`."


def show_hits(found: Search) -> None:
    """Print the hits as a table."""
    console = Console()
    if not console.is_terminal:
        # Plain lines for `grep` and `cut`.
        for hit in found.hits:
            click.echo(f"{hit.rank}\t{hit.score:.4f}\t{shown(hit.filename)}")
        return
    table = Table("rank", "score", "file", box=None)
    for column in table.columns[:2]:
        column.justify = "right"
    for hit in found.hits:
        table.add_row(str(hit.rank), f"{hit.score:.4f}", shown(hit.filename))
    console.print(table, markup=False)


def write_sheet(client: Glimpse, found: Search, path: Path) -> None:
    """Write the contact sheet of a search to a file.

    Raises:
        click.ClickException: The file cannot be written.
    """
    try:
        path.write_bytes(client.contact_sheet(found))
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error
