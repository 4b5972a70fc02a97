"""Ingest with a model that costs nothing: throughput, memory growth, and edits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, cpu_figures, middle
from benchmarks.ingest import edits
from benchmarks.process_usage import Others
from benchmarks.stack import FreeWorker, WatchedStack

# Lower bound on throughput on two cores, in pictures per second.
_PER_S_MIN = 400.0
# Parts whose memory must not grow with the number of pictures; the stores' memory may.
_PARTS = ("api", "ingest_worker")
# Upper bound on memory growth from few to many pictures. 1 is flat; the margin is for the
# allocator and for threads that were idle at first.
_GROWTH_MAX = 1.1


def measure(photos: Path, few: int, many: int, steps: int) -> dict[str, Any]:
    """Ingest few pictures, then the rest of many in timed rounds; then edit all of them.

    Decoders are processes, as for a GPU, which is what the free model stands for. Afterwards,
    a round is ingested with decoders that are threads.

    Returns:
        The rounds; the images ingested before the first and after each round, with the peak
        resident memory of each part by then, in MiB; the rates of edits; and the round of threads.
    """
    count = (many - few) // steps
    with _stack(photos, "processes", few) as stack:
        images, peaks, rounds = [few], [_peaks(stack)], []
        for first in range(few, few + steps * count, count):
            rounds.append(_round(stack, first, count))
            images.append(first + count)
            peaks.append(_peaks(stack))
        edited = edits.measure(stack, many, few)
    with _stack(photos, "threads", few) as stack:
        threads = _round(stack, few, count)
    return {
        "rounds": rounds,
        "images": images,
        "peak_mib": peaks,
        "edits": edited,
        "threads": threads,
    }


@contextmanager
def _stack(photos: Path, decode_in: str, few: int) -> Iterator[WatchedStack]:
    """Yield a service that has ingested few pictures."""
    # All batches of a model that takes no time are equally fast; the largest queue most pictures.
    settings = {"GLIMPSE_DECODE_IN": decode_in, "GLIMPSE_BATCH_MAX": "32"}
    with (
        tempfile.TemporaryDirectory() as folder,
        WatchedStack(Path(folder), settings, photos, FreeWorker) as stack,
    ):
        stack.warm_up()
        stack.ingest(first=0, count=few)
        yield stack


def _round(stack: WatchedStack, first: int, count: int) -> dict[str, Any]:
    others = Others()
    return stack.ingest(first, count).view() | {"others_cores": others.cores()}


def _peaks(stack: WatchedStack) -> dict[str, float]:
    return {name: session.peak_rss_mib() for name, session in stack.sessions().items()}


def figures(measured: dict[str, Any]) -> list[Figure]:
    """Return the rate and each part's growth with their bounds, and each part's CPU time."""
    rate = middle([one["images_per_s"] for one in measured["rounds"]])
    few, *_, many = measured["images"]
    before, *_, after = measured["peak_mib"]
    threads = measured["threads"]["images_per_s"]
    rows = [
        Figure("upload to searchable", rate, "images/s", at_least=_PER_S_MIN),
        Figure("upload to searchable, decoders in threads", threads, "images/s"),
    ]
    for part in _PARTS:
        rows += [
            Figure(f"{part}, peak at {few:,} images", before[part], "MiB"),
            Figure(f"{part}, peak at {many:,} images", after[part], "MiB"),
            Figure(f"{part}, growth", after[part] / before[part], "times", at_most=_GROWTH_MAX),
        ]
    return rows + cpu_figures(measured["rounds"]) + edits.figures(measured["edits"])
