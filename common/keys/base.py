"""What a key is, and what every place that keeps keys offers."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

from common.contract import Message
from common.tenants import check_tenant

# What a key may do with its tenant's images; ``admin`` is for what concerns all tenants.
# None of them brings another along.
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name is one line of printable characters")
    return name


class Key(Message):
    """A key as it is kept: all but its secret."""

    # What it is listed, found and revoked by; no secret.
    id: str
    tenant: Annotated[str, AfterValidator(check_tenant)]
    # What people call it.
    name: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=128)
    scopes: frozenset[Scope] = Field(min_length=1)
    # SHA-256 of its secret, in hexadecimal.
    digest: str = Field(repr=False)
    # Times in seconds since 1970; the API compares them with Redis's clock.
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    # When it was last used, give or take an hour.
    used_at: float | None = None

    def is_valid(self, now: float) -> bool:
        """Tell whether the key opens anything at a time, in seconds since 1970."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired


class Keys(Protocol):
    """Where keys are kept; every method raises ``BrokerUnavailable``.

    A key is never removed: one that was revoked still says that the service has
    keys, so that it does not become open again with the last of them.
    """

    def add(self, key: Key) -> None:
        """Keep a key."""
        ...

    def find(self, key_id: str) -> Key | None:
        """Return a key, valid or not; None where there is none of this id."""
        ...

    def all(self) -> list[Key]:
        """Return every key, the newest first."""
        ...

    def exist(self) -> bool:
        """Tell whether there ever was a key: without any the service is open."""
        ...

    def revoke(self, key_id: str, at: float) -> bool:
        """Let a key open nothing from now on; return False where there is none of this id."""
        ...

    def note_use(self, key_id: str, at: float) -> None:
        """Remember when a key was used."""
        ...
