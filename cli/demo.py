"""`glimpse demo`, run by `make demo`: ingest and search real photographs, end to end."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from cli.arguments.folder_name import FolderName
from cli.arguments.output_file import OutputFile
from cli.bulk.pictures import Picture, find_pictures
from cli.errors import NothingToIngest, PartFailed
from cli.examples import EXAMPLE_QUERY, example_photos
from cli.exit_codes import INCOMPLETE
from cli.ingest import describe, ingest_pictures
from cli.search import show_hits
from cli.sheet import with_known_suffix, write_sheet
from cli.stack import ports
from cli.stack.own_files import prepare
from cli.stack.parent_death import die_with_parent
from cli.terminal.text import shown
from glimpse_client import Glimpse
from glimpse_client.errors import ServerUnreachable

# Parent of the demo's data folders. Each source of pictures has a folder of its own, so that
# searches do not mix them.
_DATA = Path("data/demo")
# Seconds between readiness checks while the stack starts.
_POLL_S = 0.5
# Number of log lines to show if the stack fails to start.
_TAIL_LINES = 15


@click.command
@click.option("--photos", default="", help="Folder of pictures to use instead of the examples.")
@click.option("--query", default="", help=f"Query to use instead of {EXAMPLE_QUERY!r}.")
@click.option(
    "--sheet",
    default="contact-sheet.png",
    show_default=True,
    type=OutputFile(),
    callback=with_known_suffix,
    help="Write a contact sheet of the hits to this PNG or JPEG file.",
)
@click.option("--data", type=FolderName(), help="Data folder.")
def demo(photos: str, query: str, sheet: Path, data: Path | None) -> None:
    """Start the stack, ingest photographs, search them, and stop the stack.

    Exits with status 0 only if the search finds pictures. The data folder is kept,
    so that a second run does not embed the same pictures again.

    \b
    Example:
      glimpse demo --photos Pictures --query "a dog"
    """  # noqa: D301 - click's marker for preformatted lines
    pictures = _pictures(photos)
    query = query or EXAMPLE_QUERY
    with _stack(data or _data_folder(photos)) as url, Glimpse(url) as client:
        click.echo(describe(ingest_pictures(client, pictures), {}))
        found = client.search(query)
        if found.hits:
            click.echo(f'\n"{query}", by {found.encoder}:')
            show_hits(found)
            write_sheet(client, found, sheet)
            click.echo(f"\nContact sheet: {shown(str(sheet))}")
    if not found.hits:
        click.echo(f'No pictures found for "{query}".', err=True)
        sys.exit(INCOMPLETE)


def _data_folder(photos: str) -> Path:
    """Return a data folder that belongs to these pictures and is the same on every run."""
    if not photos:
        return _DATA / "examples"
    folder = Path(photos).expanduser().resolve()
    return _DATA / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def _pictures(photos: str) -> list[Picture]:
    if not photos:
        return example_photos()
    folder = Path(photos).expanduser()
    if not folder.exists():
        raise NothingToIngest(f"PHOTOS is {photos}: no such folder.")
    pictures = list(find_pictures([folder], []))
    if not pictures:
        raise NothingToIngest(f"PHOTOS is {photos}: the folder contains no pictures.")
    return pictures


@contextmanager
def _stack(data: Path) -> Iterator[str]:
    """Run `glimpse up` on a free port while the block runs; write its output to a file."""
    prepare(data)
    port = ports.claim(ports.LOOPBACK, 0)
    log = data / "up.log"
    options = ["--data", str(data), "--port", str(port)]
    command = die_with_parent([sys.executable, "-P", "-m", "cli", "up", *options])
    with log.open("wb") as output:
        # A separate session, so that Ctrl-C does not stop the stack before the demo's last request.
        up = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        url = ports.url_of(ports.LOOPBACK, port)
        _wait_until_ready(up, url, log)
        yield url
    finally:
        _stop(up)


def _wait_until_ready(up: subprocess.Popen[bytes], url: str, log: Path) -> None:
    console = Console(stderr=True)
    with Glimpse(url) as client, console.status("Starting Glimpse") as line:
        while waiting_for := _waiting_for(client):
            if up.poll() is not None:
                tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
                raise PartFailed("\n".join(["The stack did not start. The end of its log:", *tail]))
            line.update(f"Starting Glimpse (log: {log}): {waiting_for}")
            time.sleep(_POLL_S)
    _show_model_warning(console, log)


def _show_model_warning(console: Console, log: Path) -> None:
    """Show the last warning about the model, which says how to get CLIP's weights."""
    lines = log.read_text(errors="replace").splitlines()
    warnings = [line for line in lines if line.startswith("model") and " WARNING " in line]
    if warnings:
        text = warnings[-1].partition(" encoder.fallback ")[2]
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _waiting_for(client: Glimpse) -> str:
    try:
        return client.awaited()
    except ServerUnreachable:
        return "the API does not answer yet"


def _stop(up: subprocess.Popen[bytes]) -> None:
    """Stop the stack gracefully; ignore Ctrl-C until it has stopped."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Console(stderr=True).status("Stopping Glimpse"):
            up.terminate()
            up.wait()
    finally:
        signal.signal(signal.SIGINT, before)
