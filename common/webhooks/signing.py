"""Signatures of webhooks, as the Standard Webhooks specification (v1) defines them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
# Size of a secret in bytes; the specification recommends 24 to 64.
_SECRET_BYTES = 32


def make_secret() -> str:
    """Return a new secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(message_id: str, at: int, body: bytes, keys: list[str]) -> dict[str, str]:
    """Return the headers by which a receiver verifies and recognizes a message.

    Args:
        message_id: The same in all attempts to deliver a message.
        at: When it is sent, in seconds since 1970.
        body: The body.
        keys: The valid secrets; a receiver needs one of them.
    """
    content = f"{message_id}.{at}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{_digest(key, content)}" for key in keys),
    }


def _digest(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
