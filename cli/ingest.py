"""`glimpse ingest`: send pictures and wait until they can be found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cli.bars import make_bars
from cli.client import Client
from cli.errors import NothingToIngest
from cli.exits import INCOMPLETE
from cli.pictures import Picture, find_pictures
from cli.upload import Summary, Upload
from common.filenames import PICTURE_SUFFIXES


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and no bar.")
def ingest(paths: tuple[Path, ...], as_json: bool) -> None:
    """Send pictures, and wait until they can be found.

    Each PATH is a file, or a folder that is searched for pictures. Exit status
    1 if any picture failed.
    """
    pictures = find_pictures(paths)
    if not pictures:
        raise NothingToIngest(_nothing(paths))
    with Client.from_environ(on_pause=_say_pause) as client:
        summary = ingest_pictures(client, pictures, hide_bars=as_json)
    click.echo(_to_json(summary) if as_json else describe(summary))
    if summary.failed or summary.cancelled:
        sys.exit(INCOMPLETE)


def ingest_pictures(client: Client, pictures: list[Picture], hide_bars: bool = False) -> Summary:
    """Send pictures under a progress bar and return what became of them."""
    with make_bars(hide_bars) as bars:
        sending = bars.add_task("Uploading", total=len(pictures))
        processing = bars.add_task("Processing", total=None)
        upload = Upload(
            client,
            on_sent=lambda sent: bars.update(sending, completed=sent),
            on_done=lambda done, total: bars.update(processing, completed=done, total=total),
        )
        return upload.run(pictures)


def describe(summary: Summary) -> str:
    """Return a summary for people: the counts, and every failed file with its reason."""
    counts = f"{summary.indexed} indexed, {summary.duplicates} duplicates, {summary.failed} failed"
    counts += f", {summary.cancelled} cancelled" if summary.cancelled else ""
    failures = [f"  {item.filename}: {item.code}: {item.detail}" for item in summary.failures]
    return "\n".join([f"{counts} in {summary.seconds:.1f} s", *failures])


def _to_json(summary: Summary) -> str:
    keys = {"filename", "id", "code", "detail"}
    document = {
        "jobs": [job.id for job in summary.jobs],
        "indexed": summary.indexed,
        "duplicates": summary.duplicates,
        "failed": summary.failed,
        "cancelled": summary.cancelled,
        "seconds": round(summary.seconds, 3),
        "failures": [item.model_dump(include=keys) for item in summary.failures],
    }
    return json.dumps(document, indent=2)


def _nothing(paths: tuple[Path, ...]) -> str:
    where = ", ".join(map(str, paths))
    return f"There is no picture in {where} (looked for {', '.join(sorted(PICTURE_SUFFIXES))})."


def _say_pause(seconds: float) -> None:
    click.echo(f"The server is busy; trying again in {seconds:g} s.", err=True)
