"""The text of a key, ``glimpse_ID_SECRET``: shown once and stored only as a digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from common.ids import KEY_ID, KEY_ID_DIGITS
from common.keys.base import Key, Scope

# Prefix of every key, by which secret scanners recognize leaked keys.
PREFIX = "glimpse_"

# Size of a secret in bytes: 256 bits cannot be guessed.
_SECRET_BYTES = 32
_TOKEN = re.compile(rf"{PREFIX}({KEY_ID})_([A-Za-z0-9_-]{{43}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its owner sends it."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Token | None:
        """Parse the text of a key; None if it is malformed."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def make(cls) -> Token:
        """Generate a new key."""
        return cls(secrets.token_hex(KEY_ID_DIGITS // 2), secrets.token_urlsafe(_SECRET_BYTES))

    @property
    def text(self) -> str:
        """The text of the key, shown to its owner once."""
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def opens(self, key: Key) -> bool:
        """Return whether the secret matches a key, in constant time."""
        return hmac.compare_digest(_digest(self.secret), key.digest)


def issue(
    tenant: str, name: str, scopes: Iterable[Scope], now: float, expires_at: float | None = None
) -> tuple[Token, Key]:
    """Create a key; return the token for its owner and the key to store.

    Args:
        tenant: The tenant whose images it gives access to.
        name: A name for people to recognize it by.
        scopes: What it may do.
        now: The current time, in seconds since 1970.
        expires_at: When it expires, in seconds since 1970; None for never.

    Raises:
        ValueError: The tenant, the name or the scopes are invalid.
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
    """Return the digest of a secret.

    One round of SHA-256 without a salt is enough: slow hashes protect passwords, which people
    choose and attackers guess. 256 random bits cannot be guessed however fast the hash, and a slow
    hash would add its cost to every request.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
