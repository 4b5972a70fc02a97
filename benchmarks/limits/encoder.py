"""The encoder alone, by batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.figures import Figure


def measure(
    photos: Path, variables: Mapping[str, str], batches: Sequence[int], pictures: int, passes: int
) -> dict[str, Any]:
    """Return the encoder's rates, with one batch at a time and with as many as in a worker.

    Args:
        photos: Folder of the photographs.
        variables: Variables that select the model.
        batches: Batch sizes.
        pictures: Pictures of a pass.
        passes: Passes whose median counts.
    """
    return own_process.run(
        "benchmarks.ingest.limit",
        variables,
        photos=photos,
        batches=",".join(map(str, batches)),
        pictures=pictures,
        passes=passes,
    )


def figures(found: dict[str, Any]) -> list[Figure]:
    """Return the rate of each way."""
    return [Figure(_name(way), way["images_per_s"], "images/s") for way in found["ways"]]


def _name(way: dict[str, Any]) -> str:
    at_once = way["batches_at_once"]
    return f"batches of {way['batch']}, {'one' if at_once == 1 else at_once} at a time"
