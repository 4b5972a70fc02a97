"""`glimpse refresh`: read photo info from the stored pictures again."""

from __future__ import annotations

from typing import Any

import click

from cli.arguments.image_id import ImageId
from cli.arguments.selection import selected, selects
from cli.terminal.job_progress import follow_to_end
from glimpse_client import Glimpse


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1, type=ImageId())
@selects
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar."
)
def refresh(
    ids: tuple[str, ...], tags: tuple[str, ...], wanted: dict[str, Any] | None, as_json: bool
) -> None:
    """Read what the stored pictures say of themselves again.

    Reads time taken, camera, place, description and keywords of images that were
    indexed before Glimpse read them, or with other settings, and computes missing
    perceptual hashes, which identify near-duplicates. Without IDs, --tag
    or --filter, all images are read. Images whose info is the same are left as they
    are; uploads and searches continue.

    Exits with status 1 if an image failed or none matches.

    \b
    Example:
      glimpse refresh
      glimpse refresh --tag holiday
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        job = client.refresh(**selected(client, ids, tags, wanted))
        follow_to_end(client, job, "Refreshing", as_json=as_json)
