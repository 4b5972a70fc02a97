"""Idempotency keys in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from api.idempotency.base import Binding, Standing, Taking


@dataclass(slots=True)
class _Key:
    owner: str | None = None
    # When the lease expires, by the clock.
    until: float = 0.0
    binding: Binding | None = None
    settled: bool = False


class MemoryIdempotency:
    """Stores keys for the lifetime of the object.

    Args:
        lease_s: Seconds after which the lease on a key expires unless it is renewed.
        now: Returns the time of a clock, in seconds.
    """

    def __init__(self, lease_s: float = 60.0, now: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._now = now
        self._keys: dict[tuple[str, str], _Key] = {}
        self._lock = threading.Lock()

    def take(self, tenant: str, key: str, owner: str) -> Taking:
        """Take a lease on a key, or renew it."""
        with self._lock:
            kept = self._keys.setdefault((tenant, key), _Key())
            if kept.settled:
                return Taking(Standing.SETTLED, kept.binding)
            if kept.owner not in (None, owner) and kept.until > self._now():
                return Taking(Standing.BUSY)
            kept.owner, kept.until = owner, self._now() + self._lease_s
            return Taking(Standing.GRANTED, kept.binding)

    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Bind a key to a request and its job."""
        with self._lock:
            kept = self._owned(tenant, key, owner)
            if kept is None:
                return False
            kept.binding = binding
            return True

    def settle(self, tenant: str, key: str, owner: str) -> None:
        """Record that the job was accepted."""
        with self._lock:
            kept = self._owned(tenant, key, owner)
            if kept is not None:
                kept.settled, kept.owner = True, None

    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Release a key for other requests."""
        with self._lock:
            kept = self._owned(tenant, key, owner)
            if kept is not None:
                kept.owner = None

    def _owned(self, tenant: str, key: str, owner: str) -> _Key | None:
        kept = self._keys.get((tenant, key))
        return kept if kept is not None and kept.owner == owner else None
