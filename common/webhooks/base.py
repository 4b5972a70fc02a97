"""A delivery of a webhook, and the interface of what is kept of webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from common.contract import Message
from common.errors import NotFound

DeliveryState = Literal["pending", "delivered", "failed"]

# Number of a delivery's last attempts that are kept.
ATTEMPTS_KEPT = 20
# Number of a tenant's newest deliveries that can be listed.
LISTED_MAX = 10_000
# Seconds for which a tenant's previous secret signs too, so that receivers can change to the new.
OVERLAP_S = 86_400


class Attempt(Message):
    """One request to a receiver."""

    # Seconds since 1970.
    at: float
    ms: int
    # The receiver's status; None if there was no answer.
    status: int | None = None
    # Why it counts as failed; None if it succeeded.
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The message that a job has ended, to be sent to one URL; its id is that of the job.

    All times are in seconds since 1970, by Redis's clock.
    """

    id: str
    tenant: str
    url: str
    created_at: float
    # When the attempts began: at the job's end, or with the last replay.
    since: float
    state: DeliveryState = "pending"
    # Number of attempts since then.
    tries: int = 0
    # When it is sent next; None if it is not pending.
    due_at: float | None = None
    # The last attempts, the oldest first.
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one sender is sending."""

    delivery: Delivery
    # Identifies the sender's hold on it.
    token: str


@dataclass(frozen=True, slots=True)
class Secret:
    """What the messages to a tenant's receivers are signed with."""

    text: str
    created_at: float


class Webhooks(Protocol):
    """Stores deliveries, secrets and default URLs; every method raises ``BrokerUnavailable``.

    A delivery is created in the step that ends its job, and kept as long as the job's record.
    """

    def claim(self, now: float, lease_s: float) -> Claim | None:
        """Take a delivery that is due, of each tenant in turn; None if there is none.

        Nobody else gets it for ``lease_s`` seconds. After that it counts as never sent.
        """
        ...

    def settle(
        self, claim: Claim, attempt: Attempt, state: DeliveryState, due_at: float | None = None
    ) -> bool:
        """Record an attempt and release the claim; return False if the claim was lost.

        Args:
            claim: What ``claim`` returned.
            attempt: The attempt.
            state: The new state.
            due_at: When to send a pending delivery again.
        """
        ...

    def get(self, tenant: str, delivery_id: str) -> Delivery:
        """Return a delivery.

        Raises:
            NotFound: The tenant has no such delivery, or it has expired with its job.
        """
        ...

    def page(
        self, tenant: str, state: DeliveryState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Delivery], str | None]:
        """Return a page of a tenant's deliveries, newest first, and the next page's cursor.

        The number of deliveries read per page is limited. With a state, a page may therefore be
        short or empty although more pages follow.
        """
        ...

    def replay(self, tenant: str, delivery_id: str, now: float) -> Delivery:
        """Send a delivery again, with new time for attempts; one that is being sent stays as it is.

        Raises:
            NotFound: See ``get``.
        """
        ...

    def rotate(self, tenant: str, now: float) -> Secret:
        """Create a tenant's secret; the one before stays valid for ``OVERLAP_S``."""
        ...

    def secrets(self, tenant: str, now: float) -> list[Secret]:
        """Return a tenant's valid secrets, newest first: none, one or two."""
        ...

    def put_default(self, tenant: str, url: str | None) -> None:
        """Set or remove the URL for the tenant's jobs that have none of their own."""
        ...

    def defaults(self) -> Mapping[str, str]:
        """Return all default URLs, by tenant."""
        ...


def no_delivery(delivery_id: str) -> NotFound:
    """Return the error for a delivery that does not exist."""
    return NotFound(
        f"There is no delivery for job {delivery_id}: the job is unknown or expired, has not ended,"
        " or has no callback_url."
    )


def valid(secrets: Sequence[Secret], now: float) -> list[Secret]:
    """Return which of a tenant's last two secrets, newest first, are valid."""
    if len(secrets) > 1 and now >= secrets[0].created_at + OVERLAP_S:
        return [secrets[0]]
    return list(secrets)
