"""Tuning: the batch that a model is quickest with, found by running it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# Batches that are tried, one after the other.
_SIZES = (4, 8, 16, 32, 64, 128, 256)
# Share of the best rate that is good enough: of batches as good as this the smallest is
# taken, since it takes less memory and pictures wait less for each other.
_GOOD_ENOUGH = 0.97
# Times that each batch is run; the quickest counts, for noise only slows down.
_RUNS = 2
# Seconds in all, roughly, after which no larger batch is tried: slow models gain little from
# large batches, and a worker should start soon.
_BUDGET_S = 4.0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a model was measured to do best."""

    batch_max: int
    # Pictures a second in batches of that size.
    rate_per_s: float


def tune(
    encode: Callable[[int], object],
    largest: int = _SIZES[-1],
    clock: Callable[[], float] = time.perf_counter,
) -> Tuned:
    """Find the best batch.

    Args:
        encode: Runs the model on a batch of so many pictures.
        largest: Pictures of the largest batch that may be taken.
        clock: Tells the time, in seconds.
    """
    sizes = [size for size in _SIZES if size <= largest] or [largest]
    # The first run of a process is slow, whatever the model.
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


def _timed(encode: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    began = clock()
    encode(size)
    return clock() - began


def _levels_off(measured: list[Tuned]) -> bool:
    """Tell whether the last two steps brought nothing."""
    return len(measured) > 2 and measured[-1].rate_per_s < measured[-3].rate_per_s
