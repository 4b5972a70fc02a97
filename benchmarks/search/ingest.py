"""Background ingest at full rate during a measurement."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.photographs import Photographs
from benchmarks.stack import WatchedStack
from tests.support.polling import wait_for

# Number of the first picture, higher than any the store already has.
_FIRST = 100_000
# Seconds to wait for the first pictures to become searchable.
_START_S = 120.0


class IngestEnded(RuntimeError):
    """The ingest finished before the measurement."""


@contextmanager
def running(stack: WatchedStack, photos: Path, pictures: int) -> Iterator[None]:
    """Upload pictures for as long as the block runs.

    Args:
        stack: The service to upload to.
        photos: Folder of the photographs.
        pictures: Number of pictures; more than can be ingested during the block.

    Raises:
        IngestEnded: All pictures were searchable before the block ended.
    """
    ids = list(Photographs.read(photos).ids(_FIRST, pictures))
    client = subprocess.Popen(_command(stack.api.url, photos, pictures), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _known(stack, ids), _START_S, "the first pictures of the ingest")
        yield
        if _known(stack, ids) == len(ids):
            raise IngestEnded(f"All {pictures} pictures were ingested too early; use more.")
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
