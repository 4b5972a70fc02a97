"""Glimpse itself: from the first byte of an upload to the last picture searchable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.ingest.photographs import paths_in
from benchmarks.ingest.stack import Ingested, WatchedStack

# The architecture that is measured; the weights are those of a file.
_MODEL = "ViT-B/32"


def settings(weights: Path) -> dict[str, str]:
    """Return the variables that choose the model."""
    return {"GLIMPSE_MODEL": _MODEL, "GLIMPSE_CLIP_WEIGHTS": str(weights)}


def measure(photos: Path, weights: Path) -> Ingested:
    """Start a whole service, warm it up, and send it every photograph once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), settings(weights), photos) as stack,
    ):
        stack.warm_up()
        return stack.ingest(first=0, count=len(paths_in(photos)))
