"""`glimpse show`, `open` and `stats`: one image or job, the page, and totals."""

from __future__ import annotations

import json
import re
import webbrowser
from urllib.parse import urlencode

import click

from cli.arguments.image_id import ImageId, whole_image_id, whole_job_id
from cli.errors import UnknownId
from cli.status import describe_job
from cli.terminal.table import on_terminal, print_rows
from cli.terminal.text import Text
from common.ids import RECORD_ID
from glimpse_client import Glimpse
from glimpse_client.answers import Image

_UNFINISHED = ("queued", "running")
# The tags that the server lists at most.
_TAGS_MAX = 1000


@click.command()
@click.argument("given", metavar="ID", type=ImageId())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(given: str, as_json: bool) -> None:
    """Show what is known of the image or job with this ID.

    The first digits of an ID will do if no other begins with them; an image comes
    before a job.

    \b
    Example:
      glimpse show 9f86d081
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        if re.fullmatch(RECORD_ID, given) or not (image := _image(client, given)):
            job = client.job(whole_job_id(client, given))
            failures = list(client.items(job, state="failed")) if job.failed else []
            click.echo(job.model_dump_json(indent=2) if as_json else describe_job(job, failures))
            return
    if as_json:
        click.echo(image.model_dump_json(indent=2))
    else:
        print_rows(_facts(image), ("fact", "value"))


@click.command("open")
@click.argument("what", default="", type=Text())
def open_page(what: str) -> None:
    """Open the image with this ID, or a search for this text, in the browser.

    If the output is not a terminal, the address is printed instead.

    \b
    Example:
      glimpse open "a white dog"
      glimpse open 9f86d081
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        image = _image(client, what) if re.fullmatch(r"[0-9a-f]{4,64}", what) else None
        query = {"image": image.id} if image else {"q": what} if what else {}
        address = f"{client.url}/?{urlencode(query)}" if query else f"{client.url}/"
    if not (on_terminal() and webbrowser.open(address)):
        click.echo(address)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def stats(as_json: bool) -> None:
    """Count images, tags, unfinished jobs and dead letters.

    If the output is not a terminal, each line has a name and a number, separated by a tab.

    \b
    Example:
      glimpse stats --json
    """  # noqa: D301 - click's marker for preformatted lines
    with Glimpse.from_environ() as client:
        tags = client.tags(limit=_TAGS_MAX)
        tagged = len(tags.tags)
        jobs = sum(1 for state in _UNFINISHED for _ in client.jobs(state))
        letters = sum(1 for _ in client.dead_letters())
        counts = {
            "images": client.count() or 0,
            "tags": tagged,
            "unfinished jobs": jobs,
            "dead letters": letters,
        }
    if as_json:
        click.echo(json.dumps({name.replace(" ", "_"): count for name, count in counts.items()}))
    else:
        print_rows(([name, str(count)] for name, count in counts.items()), ("what", "count"))
    if tags.more_than or tagged == _TAGS_MAX:
        click.echo("There may be more tags.", err=True)


def _image(client: Glimpse, given: str) -> Image | None:
    """Return an image; None if no ID begins like this."""
    try:
        return client.image(whole_image_id(client, given))
    except UnknownId:
        return None


def _facts(image: Image) -> list[tuple[str, str]]:
    """Return the names and values of what is known of an image, without what is not."""
    photo = image.photo
    place = photo.location if photo else None
    facts: dict[str, object] = {
        "id": image.id,
        "file": image.filename,
        "format": image.format,
        "size": f"{image.width}x{image.height}, {image.bytes:,} bytes",
        "indexed": image.indexed_at,
        "tags": ", ".join(image.tags),
        "earlier names": ", ".join(image.earlier_filenames),
        **{f"metadata.{key}": value for key, value in image.metadata.items()},
        "taken": photo and photo.taken_at,
        "camera": photo and photo.camera,
        "lens": photo and photo.lens,
        "place": place and f"{place.latitude}, {place.longitude}",
        "description": photo and photo.description,
        "keywords": photo and ", ".join(photo.keywords),
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
