"""Ingest at its full rate, as the background of a measure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.photographs import Photographs
from benchmarks.stack import WatchedStack
from tests.support.polling import wait_for

# Number of its first picture: none that the store has.
_FIRST = 100_000
# Seconds until the first pictures are searchable.
_START_S = 120.0


class IngestEnded(RuntimeError):
    """There was nothing left to ingest before the measure was over."""


@contextmanager
def running(stack: WatchedStack, photos: Path, pictures: int) -> Iterator[None]:
    """Upload pictures for as long as the block runs.

    Args:
        stack: Where they go.
        photos: Folder of the photographs.
        pictures: How many there are; more than can be ingested meanwhile.

    Raises:
        IngestEnded: They were all searchable before the block ended.
    """
    ids = list(Photographs.read(photos).ids(_FIRST, pictures))
    client = subprocess.Popen(_command(stack.api.url, photos, pictures), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _known(stack, ids), _START_S, "the first pictures of the ingest")
        yield
        if _known(stack, ids) == len(ids):
            raise IngestEnded(f"All {pictures} pictures were ingested; give it more.")
    finally:
        client.kill()
        client.wait()


def _command(url: str, photos: Path, pictures: int) -> list[str]:
    options = {"url": url, "photos": photos, "first": _FIRST, "count": pictures}
    return [
        sys.executable,
        "-m",
        "benchmarks.ingest.client",
        *(f"--{name}={value}" for name, value in options.items()),
    ]


def _known(stack: WatchedStack, ids: list[str]) -> int:
    answer = stack.client.post("/v1/images/check", json={"ids": ids[:10_000]})
    return len(answer.raise_for_status().json()["known"])
