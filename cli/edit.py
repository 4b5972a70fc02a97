"""`glimpse tag` and `glimpse edit`: change tags and metadata of indexed images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from cli.arguments.image_id import ImageId
from cli.arguments.selection import selected, selects
from cli.arguments.tag_name import TagName
from cli.terminal.job_progress import follow_to_end
from cli.terminal.text import Text
from glimpse_client import Glimpse

Value = str | int | float | bool


class Assignment(click.ParamType[tuple[str, Value]]):
    """Accepts ``KEY=VALUE``; a number, ``true`` and ``false`` are read as JSON."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Value]:
        """Return the key and the value."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is not KEY=VALUE.", param, ctx)
        return key, _read_value(text)


@click.command(
    # -h and other short options would be taken for the tags to remove.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
)
@click.argument("words", metavar="+TAG|-TAG|ID...", nargs=-1, type=click.UNPROCESSED)
@selects
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar."
)
@click.pass_context
def tag(
    context: click.Context,
    words: tuple[str, ...],
    tags: tuple[str, ...],
    wanted: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Add tags (+TAG) to images, and remove tags (-TAG).

    Select the images by IDs, or by --tag and --filter. Exits with status 1 if an
    image failed, for example because it is not indexed, or none matches.

    \b
    Example:
      glimpse tag --tag holiday +sea -draft
    """  # noqa: D301 - click's marker for preformatted lines
    name, image_id = TagName(), ImageId()
    add = [name.convert(word[1:], None, context) for word in words if word.startswith("+")]
    remove = [name.convert(word[1:], None, context) for word in words if word.startswith("-")]
    ids = [image_id.convert(word, None, context) for word in words if word[:1] not in ("+", "-")]
    if not (add or remove):
        raise click.UsageError("Give at least one +TAG or -TAG.")
    _run(ids, tags, wanted, as_json, add_tags=add, remove_tags=remove)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1, type=ImageId())
@selects
@click.option(
    "--set", "assignments", type=Assignment(), multiple=True, help="Set metadata. Repeatable."
)
@click.option(
    "--rename",
    "filename",
    type=Text(),
    metavar="NAME",
    help="Give one image a new file name; the old one is kept beside it.",
)
@click.option(
    "--unset", "unset", type=Text(), multiple=True, metavar="KEY", help="Remove metadata."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar."
)
def edit(
    ids: tuple[str, ...],
    tags: tuple[str, ...],
    wanted: dict[str, Any] | None,
    filename: str | None,
    assignments: tuple[tuple[str, Value], ...],
    unset: tuple[str, ...],
    as_json: bool,
) -> None:
    """Set and remove metadata of images, or rename one.

    Select the images by IDs, or by --tag and --filter. A VALUE that is a number,
    true or false is stored as such; to store it as text, quote it: 'year="2026"'.
    For tags, see `glimpse tag`. Exits with status 1 if an image failed or none matches.

    \b
    Example:
      glimpse edit --tag holiday --set album=Crete --set year=2026 --unset draft
    """  # noqa: D301 - click's marker for preformatted lines
    metadata: dict[str, Value | None] = dict(assignments)
    if both := metadata.keys() & set(unset):
        raise click.UsageError(f"{min(both)} is both set and unset.")
    metadata |= dict.fromkeys(unset)
    if not metadata and filename is None:
        raise click.UsageError("Give at least one of --set KEY=VALUE, --unset KEY and --rename.")
    if filename is not None and len(set(ids)) != 1:
        raise click.UsageError("--rename takes the ID of one image.")
    _run(ids, tags, wanted, as_json, metadata=metadata, filename=filename)


def _run(
    ids: Sequence[str],
    tags: Sequence[str],
    wanted: dict[str, Any] | None,
    as_json: bool,
    **change: Any,
) -> None:
    if not (ids or tags or wanted is not None):
        raise click.UsageError("Give IDs, --tag or --filter; --filter '{}' is all images.")
    with Glimpse.from_environ() as client:
        job = client.edit(**selected(client, ids, tags, wanted), **change)
        follow_to_end(client, job, "Editing", as_json=as_json)


def _read_value(text: str) -> Value:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool) else text
