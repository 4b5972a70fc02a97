"""A key, and the interface of the keys."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

from common.contract import Message
from common.tenants import check_tenant

# What a key may do with its tenant's images; ``admin`` covers operations on all tenants. No scope
# includes another.
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("give one line of printable characters")
    return name


class Key(Message):
    """A key as it is stored: everything except its secret."""

    # Identifies the key in lists, lookups and revocations; not secret.
    id: str
    tenant: Annotated[str, AfterValidator(check_tenant)]
    # A name for people to recognize it by.
    name: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=128)
    scopes: frozenset[Scope] = Field(min_length=1)
    # SHA-256 of its secret, in hexadecimal.
    digest: str = Field(repr=False)
    # Times in seconds since 1970; the API compares them with Redis's clock.
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    # When it was last used, accurate to about an hour.
    used_at: float | None = None

    def is_valid(self, now: float) -> bool:
        """Return whether the key is valid at a time, in seconds since 1970."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired


class Keys(Protocol):
    """Stores keys; every method raises ``BrokerUnavailable``.

    Keys are never removed: revoked keys still count as keys, so that revoking the last one does
    not open the service to callers without a key.
    """

    def add(self, key: Key) -> None:
        """Store a key."""
        ...

    def find(self, key_id: str) -> Key | None:
        """Return a key, valid or not; None if no key has this id."""
        ...

    def all(self) -> list[Key]:
        """Return all keys, newest first."""
        ...

    def exist(self) -> bool:
        """Return whether any key was ever added; without keys the service is open."""
        ...

    def revoke(self, key_id: str, at: float) -> bool:
        """Revoke a key; return False if no key has this id."""
        ...

    def note_use(self, key_id: str, at: float) -> None:
        """Record when a key was used."""
        ...
