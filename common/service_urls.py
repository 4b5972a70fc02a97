"""Addresses of the parts, which may hold a password: checked, and never shown."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_REDIS = ("redis://", "rediss://")
# `memory://` is for tests; what pymilvus calls tcp is http to it.
_MILVUS = ("http://", "https://", "tcp://", "memory://")


def _redis(url: str) -> str:
    return _checked(url, _REDIS, "redis://:PASSWORD@HOST:6379/0")


def _milvus(uri: str) -> str:
    return _checked(uri, _MILVUS, "http://HOST:19530")


def _checked(address: str, schemes: tuple[str, ...], example: str) -> str:
    """Refuse in our own words what libraries would refuse with the whole address in theirs."""
    if not address.startswith(schemes):
        raise ValueError(f"give an address such as {example}")
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Brackets that do not close, or a port that is none.
        is_whole = False
    if not is_whole:
        raise ValueError(f"give a host, and a port if any, as in {example}")
    return address


RedisUrl = Annotated[str, AfterValidator(_redis)]
MilvusUri = Annotated[str, AfterValidator(_milvus)]
