"""The verdict on paired samples: their ratio, its interval, and whether that is beyond noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Two processes of the same code may differ by this share for their whole lives, since their memory
# is laid out differently.
CPU_NOISE = 0.05
# Latencies depend on what else runs, too.
LATENCY_NOISE = 0.25

# Resamples of the bootstrap, and its interval in percent.
_RESAMPLES, _LOW, _HIGH = 2000, 0.5, 99.5

# Fewer pairs agree by chance.
_PAIRS_MIN = 6

SLOWER, FASTER, SAME, UNKNOWN = "slower", "faster", "no difference seen", "too few samples"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The samples of one measurement, taken in turns.

    Attributes:
        name: What was measured.
        base: Samples of the base, in milliseconds.
        head: The sample of the working tree taken next to each of them.
        noise: The share that the same code may differ by.
    """

    name: str
    base: Sequence[float]
    head: Sequence[float]
    noise: float = CPU_NOISE

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair: more than 1 is slower."""
        return [head / base for base, head in zip(self.base, self.head, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The bootstrapped 99 % interval of the median; the same for the same samples."""
        ratios, choices = self.ratios, random.Random(0)
        medians = sorted(median(choices.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES))
        low, high = (medians[int(share / 100 * _RESAMPLES)] for share in (_LOW, _HIGH))
        return low, high

    @property
    def verdict(self) -> str:
        """``slower`` or ``faster`` only if the whole interval is beyond the noise."""
        low, high = self.interval
        if len(self.base) < _PAIRS_MIN:
            return UNKNOWN
        if low > 1 + self.noise:
            return SLOWER
        return FASTER if high < 1 - self.noise else SAME
