"""The ceiling of the queue: how much comes through all the parts when the model is free."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, cpu_figures, middle
from benchmarks.stack import FreeWorker, Ingested, WatchedStack

# Pictures of a measure: ten seconds at the rate that is asked for.
PICTURES = 4000
# The least that has to come through on two processors.
_PER_S_MIN = 400.0


def measure(photos: Path, count: int, prepares: bool = True) -> Ingested:
    """Send pictures to a service with a free model.

    Args:
        photos: Folder of the photographs.
        count: Pictures to send; past the photographs they are copies under other bytes.
        prepares: Whether the worker resizes and crops them for real; it decodes in any case.
    """
    settings = {"FREE_PREPARE": "0" if prepares else "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), settings, photos, FreeWorker) as stack,
    ):
        stack.warm_up()
        return stack.ingest(first=0, count=count)


def figures(measured: Sequence[dict[str, Any]]) -> list[Figure]:
    """Return the rate beside its bound and what each part costs, as medians of the rounds."""
    rate = middle([one["images_per_s"] for one in measured])
    return [
        Figure("free model: upload to searchable", rate, "images/s", at_least=_PER_S_MIN),
        *cpu_figures(measured),
    ]
