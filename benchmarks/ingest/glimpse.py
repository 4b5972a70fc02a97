"""Glimpse itself: from the first byte of an upload to the last picture searchable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.photographs import paths_in
from benchmarks.stack import Ingested, WatchedStack
from benchmarks.weights import settings_for


def measure(photos: Path, weights: Path) -> Ingested:
    """Start a whole service, warm it up, and send it every photograph once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), settings_for(weights), photos) as stack,
    ):
        stack.warm_up()
        return stack.ingest(first=0, count=len(paths_in(photos)))
