"""A span of time and of processor time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figure, middle


@dataclass(frozen=True, slots=True)
class Span:
    """How long something took.

    Attributes:
        seconds: By the clock.
        cpu_s: Of all processors.
    """

    seconds: float
    cpu_s: float

    @classmethod
    def of(cls, run: Callable[[], object], cpu_s: Callable[[], float]) -> Span:
        """Run something; ``cpu_s`` returns what has been used so far."""
        began, used = time.perf_counter(), cpu_s()
        run()
        return cls(time.perf_counter() - began, cpu_s() - used)

    def view(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"seconds": self.seconds, "cpu_s": self.cpu_s}


def span_figures(
    name: str, spans: Sequence[Span], seconds_at_most: float | None = None
) -> list[Figure]:
    """Return the medians of several runs; the time may have a bound."""
    seconds = middle([span.seconds for span in spans])
    cpu_s = middle([span.cpu_s for span in spans])
    return [
        Figure(name, seconds, "s", at_most=seconds_at_most),
        Figure(f"{name}, processor time", cpu_s, "s"),
    ]
