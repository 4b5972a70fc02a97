"""Validation of the URLs of Redis and Milvus, which may contain passwords."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_REDIS = ("redis://", "rediss://")
# `memory://` is for tests; pymilvus treats `tcp://` as `http://`.
_MILVUS = ("http://", "https://", "tcp://", "memory://")


def _redis(url: str) -> str:
    return _checked(url, _REDIS, "redis://:PASSWORD@HOST:6379/0")


def _milvus(uri: str) -> str:
    return _checked(uri, _MILVUS, "http://HOST:19530")


def _checked(address: str, schemes: tuple[str, ...], example: str) -> str:
    """Reject an invalid URL; an error from the library would include the password."""
    if not address.startswith(schemes):
        raise ValueError(f"give a URL such as {example}")
    try:
        parts = urlsplit(address)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Unbalanced brackets or an invalid port.
        is_complete = False
    if not is_complete:
        raise ValueError(f"give a URL with a valid host and port, such as {example}")
    return address


RedisUrl = Annotated[str, AfterValidator(_redis)]
MilvusUri = Annotated[str, AfterValidator(_milvus)]
