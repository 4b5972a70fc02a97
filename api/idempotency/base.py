"""What is known of an idempotency key, and what every place that keeps them offers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Standing(Enum):
    """How a key stands, to whoever asks for it."""

    # It is the asker's, until its lease ends.
    GRANTED = "granted"
    # Another request has it.
    BUSY = "busy"
    # Its request has succeeded; nobody gets it any more.
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a key stands for: what was asked, and the job that this makes."""

    # Digest of the request; see ``api/idempotency.py``.
    fingerprint: str
    # Chosen before the job is begun: whoever finds the binding of a request that was cut short
    # can see whether there is such a job.
    job_id: str


@dataclass(frozen=True, slots=True)
class Taking:
    """The answer to somebody who asks for a key."""

    standing: Standing
    # What an earlier request has bound it to, if any has.
    binding: Binding | None = None


class IdempotencyKeys(Protocol):
    """Where keys are kept, for each tenant its own; every method raises ``BrokerUnavailable``.

    A request takes its key, binds it to what it is about to do, does it, and settles the
    key. Where it fails it gives the key back. Where it is killed its lease runs out, so that
    the key is held no longer than that.
    """

    def take(self, tenant: str, key: str, owner: str) -> Taking:
        """Ask for a key, or renew the lease on it.

        Args:
            tenant: Whose key it is.
            key: As the caller chose it.
            owner: The request, by an id of its own.
        """
        ...

    def bind(self, tenant: str, key: str, owner: str, binding: Binding) -> bool:
        """Note what the key stands for from here on; return False where it is not the owner's."""
        ...

    def settle(self, tenant: str, key: str, owner: str) -> None:
        """Note that what it is bound to was done; nothing where it is not the owner's."""
        ...

    def give_back(self, tenant: str, key: str, owner: str) -> None:
        """Let another request have it; nothing where it is not the owner's.

        Its binding stays, since the job may have been begun all the same.
        """
        ...
