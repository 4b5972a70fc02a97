"""`glimpse ingest`: send pictures and wait until they can be found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import click

from cli.bulk.archives import divide
from cli.bulk.daemon_pool import Crew
from cli.bulk.summary import Summary
from cli.bulk.upload import CONNECTIONS, Upload
from cli.errors import NothingToIngest
from cli.exit_codes import INCOMPLETE
from cli.pictures import Picture, Unreadable, find_pictures
from cli.progress_bars import UploadBars, upload_bars
from cli.text import Text, shown
from common.images.filenames import PICTURE_SUFFIXES
from glimpse_client import Glimpse
from glimpse_client.errors import ClientError
from glimpse_client.retry import RetryPolicy

# Seconds to go on trying one request; a bulk upload outlives an hour of overload.
_PATIENCE_S = 3600


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option(
    "--connections",
    default=CONNECTIONS,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Uploads at the same time.",
)
@click.option(
    "--patience",
    "patience_s",
    default=_PATIENCE_S,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to go on trying while the server is overloaded or away.",
)
@click.option(
    "--tag",
    "tags",
    type=Text(),
    multiple=True,
    metavar="TAG",
    help="Tag what is new; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and no bar.")
def ingest(
    paths: tuple[Path, ...],
    connections: int,
    patience_s: float,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Send pictures, and wait until they can be found.

    Each PATH is a file, a folder that is searched for pictures, or an archive
    of pictures (.zip, .tar, .tar.gz, .tgz).

    Only what the server does not know is sent. Interrupted, or killed, the same
    command goes on where it stopped; so it also brings a folder up to date.
    Archives are sent whole each time.

    Exit status 1 if any picture failed.

    \b
    Example:
      glimpse ingest Pictures --tag holiday
    """  # noqa: D301 - click's mark for lines that are kept
    archives, others = divide(paths)
    if archives and tags:
        raise click.UsageError(f"--tag does not go with an archive: {archives[0].path}")
    unreadable: list[Unreadable] = []
    pictures = find_pictures(others, unreadable)
    first = list(islice(pictures, 1))
    if not (first or archives or unreadable):
        raise NothingToIngest(_nothing(paths))
    with Glimpse.from_environ(RetryPolicy(patience_s, _say_pause)) as client, Crew(1) as counter:
        upload = Upload(client, connections, tags, unreadable)
        with _resumable(upload), upload_bars(hidden=as_json) as bars:
            if not as_json:
                counter.submit(_count, others, bars)
            summary = upload.run(chain(first, pictures), archives, bars.show)
    click.echo(_to_json(summary) if as_json else describe(summary))
    if summary.failed or summary.cancelled:
        sys.exit(INCOMPLETE)


def ingest_pictures(client: Glimpse, pictures: Sequence[Picture]) -> Summary:
    """Send pictures under progress bars and return what became of them."""
    with upload_bars() as bars:
        bars.expect(len(pictures))
        return Upload(client).run(pictures, on_progress=bars.show)


def describe(summary: Summary) -> str:
    """Return a summary for people: the counts, and every failed file with its reason."""
    counts = f"{summary.indexed} indexed, {summary.duplicates} duplicates, {summary.failed} failed"
    counts += f", {summary.cancelled} cancelled" if summary.cancelled else ""
    failures = [
        f"  {shown(item.filename)}: {item.code}: {shown(item.detail or '')}"
        for item in summary.failures
    ]
    return "\n".join([f"{counts} in {summary.seconds:.1f} s", *failures])


@contextmanager
def _resumable(upload: Upload) -> Iterator[None]:
    """Say what to do about an upload that was cut short."""
    try:
        yield
    except (KeyboardInterrupt, ClientError) as error:
        if upload.accepted or isinstance(error, KeyboardInterrupt):
            click.echo("Run the same command again: it goes on where this one stopped.", err=True)
        raise


def _count(paths: Sequence[Path], bars: UploadBars) -> None:
    """Count the pictures while the first ones are sent already, for a bar that knows its end."""
    bars.expect(sum(1 for _ in find_pictures(paths, [])))


def _to_json(summary: Summary) -> str:
    keys = {"filename", "id", "code", "detail"}
    document = {
        "jobs": [job.id for job in summary.jobs],
        "indexed": summary.indexed,
        "duplicates": summary.duplicates,
        "failed": summary.failed,
        "cancelled": summary.cancelled,
        "known": summary.known,
        "sent": summary.sent,
        "seconds": round(summary.seconds, 3),
        "failures": [item.model_dump(include=keys) for item in summary.failures],
    }
    return json.dumps(document, indent=2)


def _nothing(paths: tuple[Path, ...]) -> str:
    where = ", ".join(shown(str(path)) for path in paths)
    return f"There is no picture in {where} (looked for {', '.join(sorted(PICTURE_SUFFIXES))})."


def _say_pause(seconds: float, error: ClientError) -> None:
    click.echo(f"{shown(str(error))} Waiting; the next try is in {seconds:.0f} s.", err=True)
