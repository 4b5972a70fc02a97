"""Load of jobs and workers in this process's memory: the complete fake for tests."""

from __future__ import annotations

from api.load.base import Load, rate_of
from common.heartbeats import MemoryHeartbeats
from common.jobs.memory import MemoryJobs
from common.quotas.memory import MemoryQuotas


class MemoryLoad:
    """Measures the load of jobs and workers in memory; tests set Redis's memory usage.

    Args:
        jobs: The jobs whose images are pending.
        heartbeats: The heartbeats of the workers.
        quotas: The tenants' quotas.
    """

    def __init__(
        self, jobs: MemoryJobs, heartbeats: MemoryHeartbeats, quotas: MemoryQuotas
    ) -> None:
        self._jobs = jobs
        self._heartbeats = heartbeats
        self._quotas = quotas
        self.memory_bytes = 0
        self.memory_bytes_max = 0

    def read(self, tenant: str = "") -> Load:
        """Return the current load."""
        return Load(
            pending=self._jobs.pending(),
            tenant_pending=self._jobs.pending_of(tenant),
            rate_per_s=rate_of(self._heartbeats.alive(), self._heartbeats.last_rate()),
            memory_bytes=self.memory_bytes,
            memory_bytes_max=self.memory_bytes_max,
            quota=self._quotas.find(tenant),
        )
