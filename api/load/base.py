"""What load is, and what every place that it is read from offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.heartbeats import Heartbeat, fleet_rate

# Images a second that the ingest workers are taken to do before any was ever measured: what
# ViT-B/32 does on one slow processor, so that the wait is rather thought too long.
RATE_UNKNOWN_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """How much waits at one moment, and what there is to work it off."""

    # Images that were accepted and have no outcome yet.
    pending: int
    # Images that all ingest workers together bring to an outcome in a second.
    rate_per_s: float
    # Bytes that Redis has in memory, and may have at most; 0 where it has no bound.
    memory_bytes: int
    memory_bytes_max: int

    @property
    def wait_s(self) -> float:
        """Seconds until what is pending has its outcomes."""
        return self.pending / self.rate_per_s

    @property
    def memory_share(self) -> float:
        """How full Redis is, from 0 to 1; 0 where it has no bound."""
        return self.memory_bytes / self.memory_bytes_max if self.memory_bytes_max else 0.0


class LoadGauge(Protocol):
    """Where load is read."""

    def read(self) -> Load:
        """Return the load as it is now; raises ``BrokerUnavailable``."""
        ...


def rate_of(beats: Sequence[Heartbeat], last_rate_per_s: float | None) -> float:
    """Return the rate to reckon with.

    Args:
        beats: Of all living workers.
        last_rate_per_s: What they did together when that was last known.
    """
    return fleet_rate(beats) or last_rate_per_s or RATE_UNKNOWN_PER_S
