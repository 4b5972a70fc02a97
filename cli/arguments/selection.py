"""Options that select indexed images: by ID, by tag or by a filter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from cli.arguments.image_id import whole_image_id
from cli.arguments.tag_name import TagName
from glimpse_client import Glimpse


class FilterText(click.ParamType[dict[str, Any]]):
    """Accepts a filter as JSON."""

    name = "json"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the filter; the server checks its conditions."""
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self.fail(f"{value!r} is not a JSON object.", param, ctx)
        return found


# Limits a command to the images that match a filter.
FILTER = click.option(
    "--filter",
    "wanted",
    type=FilterText(),
    help="""All images that match this filter of the HTTP API: '{"width": {"gte": 640}}'.""",
)

# What a command says if its selection is empty.
NONE_MATCH = "No images match."


def selects(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options ``--tag`` and ``--filter`` to a command."""
    # No short options: `glimpse tag -t…` removes a tag.
    by_tag = click.option(
        "--tag",
        "tags",
        type=TagName(),
        multiple=True,
        metavar="TAG",
        help="All images with this tag. Repeatable: with all of them.",
    )
    return by_tag(FILTER(command))


def selected(
    client: Glimpse, ids: Sequence[str], tags: Sequence[str], wanted: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the client's arguments ``ids`` and ``filter``; both are None if nothing is given.

    Args:
        client: Completes the ids.
        ids: The ids, or their beginnings.
        tags: The images have all of them.
        wanted: The images match this filter.
    """
    conditions = {**(wanted or {}), **({"tags": {"all": list(tags)}} if tags else {})}
    if tags and wanted and "tags" in wanted:
        raise click.UsageError("--filter has tags too; use it without --tag.")
    if ids and (tags or wanted is not None):
        raise click.UsageError("Give either IDs, or --tag and --filter.")
    has_filter = bool(tags) or wanted is not None
    whole = dict.fromkeys(whole_image_id(client, each) for each in ids)
    return {"ids": list(whole) or None, "filter": conditions if has_filter else None}
