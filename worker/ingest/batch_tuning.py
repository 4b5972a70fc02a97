"""Batch tuning: measures which batch size a model is fastest with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from worker.encoders.base import Encoder
from worker.measurement import Measurement

# Batch sizes to try, in order.
_SIZES = (4, 8, 16, 32, 64, 128, 256)
# Fraction of the best rate that is good enough. The smallest such batch is chosen, since it
# takes less memory and pictures wait less for each other.
_GOOD_ENOUGH = 0.97
# Runs of each size; the fastest counts, since noise only slows a run down.
_RUNS = 2
# Approximate total seconds, after which no larger batch is tried: slow models gain little
# from large batches, and a worker should start quickly.
_BUDGET_S = 4.0

# Tasks that have to fill the largest batch, if the settings name no number.
_TASKS = 16


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best batch size measured for a model."""

    batch_max: int
    # Pictures per second in batches of that size.
    rate_per_s: float


def largest_batch(tasks: int, chunk_images: int, concurrency: int) -> int:
    """Return the largest batch that the running tasks can fill.

    While batches are encoded, the tasks have to fill the next one, and all of these share the
    tasks' images: a larger batch would always wait until its time is up.

    Args:
        tasks: Tasks that run concurrently; 0 means as many as needed.
        chunk_images: Images of a task.
        concurrency: Batches that are encoded concurrently.
    """
    return max(1, (tasks or _TASKS) * chunk_images // (concurrency + 1))


def tune(
    encode: Callable[[int], object],
    largest: int = _SIZES[-1],
    clock: Callable[[], float] = time.perf_counter,
) -> Tuned:
    """Find the best batch size.

    Args:
        encode: Runs the model on a batch of the given size.
        largest: Largest batch size allowed.
        clock: Returns the time in seconds.
    """
    sizes = [size for size in _SIZES if size <= largest] or [largest]
    # The first run of a process is slow with any model, so it does not count.
    encode(sizes[0])
    began = clock()
    measured: list[Tuned] = []
    for size in sizes:
        seconds = min(_timed(encode, size, clock) for _ in range(_RUNS))
        measured.append(Tuned(size, size / max(seconds, 1e-9)))
        if clock() - began > _BUDGET_S / 2 or _levels_off(measured):
            break
    best = max(tuned.rate_per_s for tuned in measured)
    return next(tuned for tuned in measured if tuned.rate_per_s >= _GOOD_ENOUGH * best)


def measurement_of(encoder: Encoder, largest: int, cache_dir: Path) -> Measurement:
    """Return where the tuning of a model on this machine is kept."""
    facts = (encoder.name, encoder.revision, encoder.precision, encoder.concurrency)
    return Measurement.of(
        cache_dir.expanduser(), "batches", *facts, encoder.runs_on, largest, _SIZES
    )


def tuned_once(measurement: Measurement, measure: Callable[[], Tuned]) -> Tuned:
    """Return the tuning that an earlier start has measured, or else measure and keep it."""
    if (known := _recall(measurement)) is not None:
        return known
    with measurement.alone():
        # Another process may have measured meanwhile.
        found = _recall(measurement)
        if found is None:
            found = measure()
            measurement.remember(asdict(found))
    return found


def _recall(measurement: Measurement) -> Tuned | None:
    """Return the remembered tuning; None if there is none, or the file is damaged."""
    try:
        kept = measurement.recall() or {}
        tuned = Tuned(int(kept["batch_max"]), float(kept["rate_per_s"]))
    except (ValueError, KeyError, TypeError):
        return None
    return tuned if tuned.batch_max >= 1 and tuned.rate_per_s > 0 else None


def _timed(encode: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    began = clock()
    encode(size)
    return clock() - began


def _levels_off(measured: list[Tuned]) -> bool:
    """Return whether the last two sizes were no faster."""
    return len(measured) > 2 and measured[-1].rate_per_s < measured[-3].rate_per_s
