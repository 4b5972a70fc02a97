"""Validation of the URLs of Redis and Milvus, which may contain passwords."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from common.redis_address import RedisAddress

# `memory://` is for tests; pymilvus treats `tcp://` as `http://`.
_MILVUS = ("http://", "https://", "tcp://", "memory://")


def _redis(url: str) -> str:
    """Reject an invalid URL; the message does not contain its password."""
    RedisAddress.parse(url)
    return url


def _milvus(uri: str) -> str:
    """Reject an invalid URL; an error from pymilvus would include the password."""
    example = "http://HOST:19530"
    if not uri.startswith(_MILVUS):
        raise ValueError(f"give a URL such as {example}")
    try:
        parts = urlsplit(uri)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Unbalanced brackets or an invalid port.
        is_complete = False
    if not is_complete:
        raise ValueError(f"give a URL with a valid host and port, such as {example}")
    return uri


RedisUrl = Annotated[str, AfterValidator(_redis)]
MilvusUri = Annotated[str, AfterValidator(_milvus)]
