"""Holds tenants to their quotas of images."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from common.quotas.base import Quotas
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)

# Seconds after which an unsettled grant belongs to a worker that died; its image is ingested or
# given up long before.
_STALE_S = 3600.0
# Quotas audited per turn of the upkeep, so that a turn's cost does not grow with their number.
_AUDITED = 10


class QuotaKeeper:
    """Grants images within a tenant's quota, and keeps the count of its rows right.

    Args:
        quotas: The quotas, and what is used of them.
        store: Counts a tenant's rows.
    """

    def __init__(self, quotas: Quotas, store: VectorStore) -> None:
        self._quotas = quotas
        self._store = store

    def grant(self, tenant: str, ids: Sequence[str]) -> set[str]:
        """Return which of these images without a row the tenant may have.

        Raises:
            ServiceError: Redis or the store does not answer; retry later.
        """
        quota = self._quotas.find(tenant) if ids else None
        if quota is None:
            return set(ids)
        if quota.counted is None:
            self.audit(tenant)
        return self._quotas.grant(tenant, ids)

    def audit_some(self) -> None:
        """Audit a few quotas; a chore of the upkeep."""
        for tenant in self._quotas.some(_AUDITED):
            self.audit(tenant)

    def audit(self, tenant: str) -> None:
        """Correct the count of a tenant's rows: a worker that died may not have counted one."""
        before = self._quotas.find(tenant)
        if before is None:
            return
        granted, stale = self._quotas.granted(tenant, _STALE_S)
        recent = [image_id for image_id in granted if image_id not in set(stale)]
        # In this order: a row that is written in between counts too much rather than too little,
        # until the next audit.
        pending_rows = len(self._store.known(tenant, recent)) if recent else 0
        counted = self._store.count(tenant) - pending_rows
        if self._quotas.correct(tenant, before, counted, stale) and counted != before.counted:
            log.info("quota.counted tenant=%s images=%d before=%s", tenant, counted, before.counted)
