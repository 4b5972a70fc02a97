"""The state of an idempotency key, and the interface of the keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Standing(Enum):
    """The answer to a request that takes a key."""

    # The request holds the key until its lease expires.
    GRANTED = "granted"
    # Another request holds the key.
    BUSY = "busy"
    # The job of the key was accepted; no request gets the key again.
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Binding:
    """The request and the job that a key is bound to."""

    # Digest of the request; see ``api/idempotency.py``.
    fingerprint: str
    # Chosen before the job is created, so that after an interrupted request the next one can check
    # whether the job exists.
    job_id: str


@dataclass(frozen=True, slots=True)
class Taking:
    """The result of taking a key."""

    standing: Standing
    # The binding by an earlier request, if any.
    binding: Binding | None = None


class IdempotencyKeys(Protocol):
    """Stores keys per tenant; every method raises ``BrokerUnavailable``.

    A request takes its key, binds it to the job it is about to create, creates the job, and settles
    the key. If the request fails, it gives the key back. If its process dies, the lease expires and
    releases the key.
    """

    def take(self, tenant: str, key: str, owner: str) -> Taking:
        """Take a lease on a key, or renew it.

        Args:
            tenant: The owner of the key.
            key: The key, as the caller sent it.
            owner: A unique id of the request.
        """
        ...

    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Bind a key to a request and its job; return False if the owner has lost the key."""
        ...

    def settle(self, tenant: str, key: str, owner: str) -> None:
        """Record that the job was accepted; does nothing if the owner has lost the key."""
        ...

    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Release a key for other requests; does nothing if the owner has lost the key.

        The binding stays, because the job may have been created.
        """
        ...
