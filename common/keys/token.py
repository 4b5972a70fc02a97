"""The text of a key: ``glimpse_ID_SECRET``, made once, shown once, and kept only as a digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from common.ids import KEY_ID, KEY_ID_DIGITS
from common.keys.base import Key, Scope

# What every key begins with, so that scanners for leaked secrets can know one.
PREFIX = "glimpse_"

# Bytes of a secret: 256 bits cannot be guessed.
_SECRET_BYTES = 32
_TOKEN = re.compile(rf"{PREFIX}({KEY_ID})_([A-Za-z0-9_-]{{43}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its owner sends it."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Token | None:
        """Read a key's text; None where it cannot be one."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def make(cls) -> Token:
        """Make a new key's text."""
        return cls(secrets.token_hex(KEY_ID_DIGITS // 2), secrets.token_urlsafe(_SECRET_BYTES))

    @property
    def text(self) -> str:
        """What the owner is shown, once."""
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def opens(self, key: Key) -> bool:
        """Tell whether this is the secret of a key, in a time that tells nothing of it."""
        return hmac.compare_digest(_digest(self.secret), key.digest)


def issue(
    tenant: str, name: str, scopes: Iterable[Scope], now: float, expires_at: float | None = None
) -> tuple[Token, Key]:
    """Make a key: what its owner gets, and what is kept.

    Args:
        tenant: Whose images it is for.
        name: What people call it.
        scopes: What it may do.
        now: Seconds since 1970.
        expires_at: When it ends, likewise; None for never.

    Raises:
        ValueError: Tenant, name or scopes cannot be used.
    """
    token = Token.make()
    key = Key(
        id=token.key_id,
        tenant=tenant,
        name=name,
        scopes=frozenset(scopes),
        digest=_digest(token.secret),
        created_at=now,
        expires_at=expires_at,
    )
    return token, key


def _digest(secret: str) -> str:
    """Return what is kept of a secret.

    One round of SHA-256 and no salt: slow hashes are for passwords, which people
    choose and others guess. This is 256 random bits; there is nothing to guess by,
    however fast the guesses, and a slow hash would cost every request.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
