"""Webhooks in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace

from common.newest_first import page_of
from common.webhooks.base import (
    ATTEMPTS_KEPT,
    LISTED_MAX,
    Attempt,
    Claim,
    Delivery,
    DeliveryState,
    Secret,
    no_delivery,
    valid,
)
from common.webhooks.signing import make_secret


class MemoryWebhooks:
    """Stores webhooks for the lifetime of the object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        # The token of whoever holds each delivery.
        self._tokens: dict[str, str] = {}
        # When the last delivery of each tenant was taken.
        self._taken_at: dict[str, float] = {}
        # The last two secrets of each tenant, newest first.
        self._secrets: dict[str, list[Secret]] = {}
        self._defaults: dict[str, str] = {}

    def announce(self, tenant: str, job_id: str, url: str | None, now: float) -> None:
        """Create the delivery of a job's end, unless it exists or no URL is to be called."""
        url = url or self._defaults.get(tenant)
        if url is not None and job_id not in self._deliveries:
            self._deliveries[job_id] = Delivery(job_id, tenant, url, now, now, due_at=now)

    def claim(self, now: float, lease_s: float) -> Claim | None:
        """Take a delivery that is due."""
        with self._lock:
            due = [each for each in self._deliveries.values() if _is_due(each, now)]
            if not due:
                return None
            found = min(due, key=lambda each: (self._taken_at.get(each.tenant, 0), each.due_at))
            self._taken_at[found.tenant] = now
            token = self._tokens[found.id] = uuid.uuid4().hex
            held = self._deliveries[found.id] = replace(found, due_at=now + lease_s)
            return Claim(held, token)

    def settle(
        self, claim: Claim, attempt: Attempt, state: DeliveryState, due_at: float | None = None
    ) -> bool:
        """Record an attempt and release the claim."""
        with self._lock:
            found = claim.delivery
            if self._tokens.get(found.id) != claim.token:
                return False
            del self._tokens[found.id]
            self._deliveries[found.id] = replace(
                found,
                state=state,
                tries=found.tries + 1,
                due_at=due_at,
                attempts=(*found.attempts, attempt)[-ATTEMPTS_KEPT:],
            )
            return True

    def get(self, tenant: str, delivery_id: str) -> Delivery:
        """Return a delivery."""
        found = self._deliveries.get(delivery_id)
        if found is None or found.tenant != tenant:
            raise no_delivery(delivery_id)
        return found

    def page(
        self, tenant: str, state: DeliveryState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Delivery], str | None]:
        """Return a page of a tenant's deliveries, newest first."""
        found = [each for each in self._deliveries.values() if each.tenant == tenant]
        found.sort(key=lambda each: (each.created_at, each.id), reverse=True)
        listed = found[:LISTED_MAX]
        return page_of(listed, lambda each: state is None or each.state == state, limit, cursor)

    def replay(self, tenant: str, delivery_id: str, now: float) -> Delivery:
        """Send a delivery again."""
        with self._lock:
            found = self.get(tenant, delivery_id)
            if delivery_id in self._tokens and (found.due_at or 0) > now:
                return found
            self._tokens.pop(delivery_id, None)
            again = replace(found, state="pending", since=now, tries=0, due_at=now)
            self._deliveries[delivery_id] = again
            return again

    def rotate(self, tenant: str, now: float) -> Secret:
        """Create a tenant's secret."""
        secret = Secret(make_secret(), now)
        self._secrets[tenant] = [secret, *self._secrets.get(tenant, [])][:2]
        return secret

    def secrets(self, tenant: str, now: float) -> list[Secret]:
        """Return a tenant's valid secrets, newest first."""
        return valid(self._secrets.get(tenant, []), now)

    def put_default(self, tenant: str, url: str | None) -> None:
        """Set or remove a tenant's default URL."""
        self._defaults.pop(tenant, None)
        if url is not None:
            self._defaults[tenant] = url

    def defaults(self) -> Mapping[str, str]:
        """Return all default URLs, by tenant."""
        return dict(self._defaults)


def _is_due(delivery: Delivery, now: float) -> bool:
    return delivery.due_at is not None and delivery.due_at <= now
