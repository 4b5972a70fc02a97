"""Quotas in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from random import sample

from common.quotas.base import Quota


class MemoryQuotas:
    """Stores quotas for the lifetime of the object."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._max: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        # When each id was granted, by tenant.
        self._granted: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def put(self, tenant: str, images_max: int | None) -> None:
        """Set or remove a tenant's quota."""
        with self._lock:
            if images_max is not None:
                self._max[tenant] = images_max
                return
            for known in (self._max, self._counted, self._granted):
                known.pop(tenant, None)

    def find(self, tenant: str) -> Quota | None:
        """Return a tenant's quota."""
        with self._lock:
            if tenant not in self._max:
                return None
            granted = len(self._granted[tenant])
            return Quota(tenant, self._max[tenant], self._counted.get(tenant), granted)

    def all(self) -> list[Quota]:
        """Return all quotas, by the tenants' names."""
        return [quota for tenant in sorted(self._max) if (quota := self.find(tenant))]

    def some(self, count: int) -> list[str]:
        """Return up to ``count`` tenants that have a quota."""
        return sample(sorted(self._max), min(count, len(self._max)))

    def grant(self, tenant: str, ids: Sequence[str]) -> set[str]:
        """Grant images until the quota is full."""
        with self._lock:
            quota, granted = self.find(tenant), self._granted[tenant]
            if quota is None:
                return set(ids)
            room = quota.images_max - quota.used
            for image_id in ids:
                if image_id not in granted and room > 0:
                    granted[image_id] = time.time()
                    room -= 1
            return {image_id for image_id in ids if image_id in granted}

    def settle(
        self,
        tenant: str,
        *,
        indexed: Collection[str] = (),
        ended: Collection[str] = (),
        deleted: Collection[str] = (),
    ) -> None:
        """Count images."""
        with self._lock:
            if tenant not in self._max:
                return
            drop, counted = self._granted[tenant].pop, self._counted.get(tenant, 0)
            counted += sum(drop(image_id, None) is not None for image_id in indexed)
            counted -= sum(drop(image_id, None) is None for image_id in deleted)
            for image_id in ended:
                drop(image_id, None)
            if tenant in self._counted:
                self._counted[tenant] = counted

    def granted(self, tenant: str, older_s: float) -> tuple[list[str], list[str]]:
        """Return the ids granted and not settled."""
        with self._lock:
            granted, limit = self._granted[tenant], time.time() - older_s
            return [*granted], [image_id for image_id, at in granted.items() if at <= limit]

    def correct(
        self, tenant: str, before: Quota, counted: int, settled: Collection[str] = ()
    ) -> bool:
        """Set the count of a tenant's rows, unless its use has changed."""
        with self._lock:
            if self.find(tenant) != before:
                return False
            self._counted[tenant] = counted
            for image_id in settled:
                self._granted[tenant].pop(image_id, None)
            return True
