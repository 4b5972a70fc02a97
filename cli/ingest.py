"""`glimpse ingest`: upload pictures and wait until they are searchable."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import click

from cli.arguments.tag_name import TagName
from cli.bulk.archives import Archive, divide
from cli.bulk.daemon_pool import DaemonPool
from cli.bulk.pictures import Choice, Picture, Unreadable, find_pictures
from cli.bulk.summary import Summary
from cli.bulk.upload import CONNECTIONS, Upload
from cli.bulk.wanted import Wanted
from cli.errors import NothingToIngest
from cli.exit_codes import INCOMPLETE
from cli.terminal.job_progress import failure_lines
from cli.terminal.progress_bars import UploadBars, upload_bars
from cli.terminal.table import print_rows
from cli.terminal.text import Text, listed, shown
from glimpse_client import Glimpse
from glimpse_client.errors import ClientError
from glimpse_client.glimpse import OnDuplicate
from glimpse_client.retry import RetryPolicy

# Seconds to keep retrying a request: a bulk upload survives an hour of overload.
_PATIENCE_S = 3600
# Characters of a job's name that are shown; of a longer name, a digest distinguishes it.
_NAME_CHARACTERS_MAX = 200


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
    help="Number of concurrent uploads.",
)
@click.option(
    "--patience",
    "patience_s",
    default=_PATIENCE_S,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to keep retrying while the server is overloaded or unavailable.",
)
@click.option(
    "-t",
    "--tag",
    "tags",
    type=TagName(),
    multiple=True,
    metavar="TAG",
    help="Tag the pictures, also those that the server already has. Repeatable.",
)
@click.option(
    "--on-duplicate",
    type=click.Choice(["keep", "merge", "replace"]),
    default="merge",
    show_default=True,
    help="What to do with pictures that the server already has: keep them as they are, merge the"
    " tags with theirs, or replace their tags, metadata and names, for which they are sent again.",
)
@click.option(
    "-x",
    "--exclude",
    "exclude",
    type=Text(),
    multiple=True,
    metavar="PATTERN",
    help="Skip files and folders whose name or path in a folder matches, such as '*.png' or"
    " 'raw/*'. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="List the files that would be sent, and stop.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file that is skipped.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bars, and print only failures.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and no progress bars."
)
def ingest(
    paths: tuple[Path, ...],
    connections: int,
    patience_s: float,
    tags: tuple[str, ...],
    on_duplicate: OnDuplicate,
    exclude: tuple[str, ...],
    dry_run: bool,
    verbose: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Upload pictures and wait until they are searchable.

    Each PATH is a file, a folder to search for pictures, or an archive of
    pictures: a zip, or a tar, also compressed with gzip, xz, bzip2 or zstd.

    Only pictures that the server does not have are uploaded, all in one job; the others
    only get the tags. Archives are always uploaded in full, each in a job of its own.

    Run the same command again to resume an upload that was interrupted, in the same
    job, or to add new pictures from a folder.

    Exits with status 1 if any picture failed or was cancelled.

    \b
    Example:
      glimpse ingest Pictures --tag holiday
    """  # noqa: D301 - click's marker for preformatted lines
    archives, others = divide(paths)
    if archives and tags:
        raise click.UsageError(f"--tag cannot be used with an archive: {archives[0].path}")
    unreadable: list[Unreadable] = []
    choice = Choice(exclude, _report_skipped if verbose else lambda _: None)
    pictures = find_pictures(others, unreadable, choice)
    first = list(islice(pictures, 1))
    if not (first or archives or unreadable):
        raise NothingToIngest(_nothing_found(paths, choice.skipped))
    if dry_run:
        _list(archives, chain(first, pictures), choice.skipped)
        return
    policy = RetryPolicy(patience_s, _report_pause)
    with Glimpse.from_environ(policy) as client, DaemonPool(1) as counter:
        wanted = Wanted(tags, None if on_duplicate == "merge" else on_duplicate)
        upload = Upload(client, connections, wanted, unreadable, _job_name(paths, wanted))
        with hint_to_resume(upload), upload_bars(hidden=as_json or quiet) as bars:
            if not (as_json or quiet):
                counter.submit(_count, others, exclude, bars)
            summary = upload.run(chain(first, pictures), archives, bars.show)
    choice.skipped.update(summary.skipped)
    _print(summary, choice.skipped, quiet=quiet, as_json=as_json)
    if summary.failed or summary.is_cancelled:
        sys.exit(INCOMPLETE)


def ingest_pictures(client: Glimpse, pictures: Sequence[Picture]) -> Summary:
    """Upload pictures, show progress bars, and return a summary."""
    with upload_bars() as bars:
        bars.expect(len(pictures))
        return Upload(client).run(pictures, on_progress=bars.show)


def _job_name(paths: Sequence[Path], wanted: Wanted) -> str:
    """Return the name of the job for these paths of this machine and what is stored with them."""
    where = ", ".join(str(path.resolve()) for path in paths)
    name = " +".join([f"{socket.gethostname()}:{where}", *wanted.tags])
    name += f" ({wanted.on_duplicate})" if wanted.on_duplicate else ""
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(name) <= _NAME_CHARACTERS_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[:_NAME_CHARACTERS_MAX]}… {digest}"


def _print(summary: Summary, skipped: Mapping[str, int], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        click.echo(_to_json(summary, skipped))
    elif not quiet:
        click.echo(describe(summary, skipped))
    elif summary.failures:
        click.echo("\n".join(failure_lines(summary.failures)), err=True)


def describe(summary: Summary, skipped: Mapping[str, int]) -> str:
    """Return a readable summary: the counts, what was skipped or cancelled, and each failure."""
    changed = f" ({summary.changed} changed)" if summary.changed else ""
    counts = f"{summary.indexed} indexed, {summary.duplicates} duplicates{changed}"
    counts += f", {summary.failed} failed"
    counts += f", {summary.cancelled} cancelled" if summary.cancelled else ""
    others = [f"Skipped {listed(skipped)}."] if skipped else []
    if summary.is_cancelled:
        others.append("It was cancelled. Run the same command again to send what is missing.")
    failures = failure_lines(summary.failures)
    return "\n".join([f"{counts} in {summary.seconds:.1f} s", *others, *failures])


@contextmanager
def hint_to_resume(upload: Upload) -> Iterator[None]:
    """Print what continues, how to cancel it and how to resume if the upload is interrupted."""
    try:
        yield
    except (KeyboardInterrupt, ClientError) as error:
        if upload.unfinished:
            click.echo(
                "The server continues with the pictures it has accepted. To cancel them, run"
                f" `glimpse cancel {' '.join(upload.unfinished)}`.",
                err=True,
            )
        if upload.is_complete and upload.unfinished:
            follow = ", ".join(f"`glimpse status {each} --wait`" for each in upload.unfinished)
            click.echo(f"It has all of them. To follow them, run {follow}.", err=True)
        elif upload.accepted or isinstance(error, KeyboardInterrupt):
            click.echo("Run the same command again to resume.", err=True)
        raise


def _count(paths: Sequence[Path], exclude: Sequence[str], bars: UploadBars) -> None:
    """Count the pictures while the upload runs, so that the progress bar has a total."""
    bars.expect(sum(1 for _ in find_pictures(paths, [], Choice(exclude))))


def _list(
    archives: Iterable[Archive], pictures: Iterable[Picture], skipped: Mapping[str, int]
) -> None:
    """Print the names under which files would be sent, and what is skipped."""
    names = chain((each.name for each in archives), (each.name for each in pictures))
    print_rows(([name] for name in names), ["file"])
    if skipped:
        click.echo(f"Skipped {listed(skipped)}.", err=True)


def _report_skipped(path: str) -> None:
    click.echo(f"Skipped {shown(path)}", err=True)


def _to_json(summary: Summary, skipped: Mapping[str, int]) -> str:
    keys = {"filename", "id", "code", "detail"}
    document = {
        "jobs": [job.id for job in summary.jobs],
        "indexed": summary.indexed,
        "duplicates": summary.duplicates,
        "changed": summary.changed,
        "failed": summary.failed,
        "cancelled": summary.cancelled,
        "known": summary.known,
        "sent": summary.sent,
        "skipped": dict(sorted(skipped.items())),
        "seconds": round(summary.seconds, 3),
        "failures": [item.model_dump(include=keys) for item in summary.failures],
    }
    return json.dumps(document, indent=2)


def _nothing_found(paths: tuple[Path, ...], skipped: Mapping[str, int]) -> str:
    where = ", ".join(shown(str(path)) for path in paths)
    others = f" Skipped {listed(skipped)}." if skipped else ""
    return f"No pictures found in {where}, by their suffixes.{others}"


def _report_pause(seconds: float, error: ClientError) -> None:
    click.echo(f"{shown(str(error))} Retrying in {seconds:.0f} s.", err=True)
