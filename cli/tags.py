"""`glimpse tags`: list the tags of images."""

from __future__ import annotations

import click

from cli.terminal.table import print_rows
from cli.terminal.text import Text
from glimpse_client import Glimpse


@click.command()
@click.argument("prefix", default="", type=Text())
@click.option(
    "-n",
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Maximum number to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def tags(prefix: str, limit: int, as_json: bool) -> None:
    """List tags that begin with PREFIX, the most frequent first.

    If the output is not a terminal, each line has a tag and the number of images that
    have it, separated by a tab. To change tags, see `glimpse tag`.

    \b
    Example:
      glimpse tags hol
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        found = client.tags(prefix, limit)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    print_rows(([each.tag, str(each.count)] for each in found.tags), ("tag", "images"))
    if found.more_than:
        click.echo("Only the newest images are counted; there may be more.", err=True)
