"""Glimpse: from the first byte of an upload to the last searchable picture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.photographs import paths_in
from benchmarks.stack import Ingested, WatchedStack, running
from common.contract import INGEST_QUEUE
from tests.support.services import Worker


def measure(
    photos: Path, variables: Mapping[str, str], *, copies: int = 1, workers: int = 1
) -> Ingested:
    """Start a whole service, warm it up, and upload every photograph, each copy as another one.

    The CPU time is without that of ingest workers after the first.
    """
    with (
        tempfile.TemporaryDirectory() as made,
        WatchedStack(folder := Path(made), variables, photos) as stack,
        running(
            [
                Worker(folder / f"ingest-{number}", stack.settings, INGEST_QUEUE)
                for number in range(1, workers)
            ]
        ),
    ):
        stack.warm_up()
        return stack.ingest(first=0, count=copies * len(paths_in(photos)))
