"""Load, and the interface for reading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.heartbeats import Heartbeat, fleet_rate
from common.quotas.base import Quota

# The assumed rate of the ingest workers until one has been measured, in images per second: that of
# ViT-B/32 on one slow CPU, so that the wait is overestimated rather than underestimated.
RATE_UNKNOWN_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """The backlog at one moment, and the capacity to process it."""

    # Number of accepted images without an outcome, of all tenants and of the one that asks.
    pending: int
    tenant_pending: int
    # Images that all ingest workers together finish per second.
    rate_per_s: float
    # Bytes of memory that Redis uses, and its limit; 0 if it has none.
    memory_bytes: int
    memory_bytes_max: int
    # The quota of the tenant that asks; None if it has none.
    quota: Quota | None = None

    @property
    def wait_s(self) -> float:
        """Estimated seconds until all pending images have an outcome."""
        return self.pending / self.rate_per_s

    @property
    def memory_share(self) -> float:
        """Redis's memory usage, from 0 to 1; 0 if it has no limit."""
        return self.memory_bytes / self.memory_bytes_max if self.memory_bytes_max else 0.0


class LoadGauge(Protocol):
    """Measures load."""

    def read(self, tenant: str = "") -> Load:
        """Return the current load, with that of a tenant; raises ``BrokerUnavailable``.

        The backlogs are those of this moment. The rate and the memory may be a moment old.
        """
        ...


def rate_of(beats: Sequence[Heartbeat], last_rate_per_s: float | None) -> float:
    """Return the rate of the ingest workers for estimates.

    Args:
        beats: The heartbeats of all live workers.
        last_rate_per_s: The last known rate of all ingest workers together.
    """
    return fleet_rate(beats) or last_rate_per_s or RATE_UNKNOWN_PER_S
