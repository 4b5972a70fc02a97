"""Glimpse: from the first byte of an upload to the last searchable picture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.photographs import paths_in
from benchmarks.stack import Ingested, WatchedStack


def measure(photos: Path, variables: Mapping[str, str], copies: int = 1) -> Ingested:
    """Start a whole service, warm it up, and upload every photograph, each copy as another one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), variables, photos) as stack,
    ):
        stack.warm_up()
        return stack.ingest(first=0, count=copies * len(paths_in(photos)))
