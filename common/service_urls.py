"""Validation of the URLs of Redis and Milvus, which may contain passwords, and of the blobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from common.redis.address import RedisAddress

# `memory://` is for tests; pymilvus treats `tcp://` as `http://`.
_MILVUS = ("http://", "https://", "tcp://", "memory://")

# An object store's bucket and a prefix of names in it; and a folder.
_BUCKET, _FOLDER = "s3://", "file:///"
# A bucket, then the parts of the prefix, without characters that would have to be escaped.
_BUCKET_URL = re.compile(
    r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,62}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", re.ASCII
)


def _redis(url: str) -> str:
    """Reject an invalid URL; the message does not contain its password."""
    RedisAddress.parse(url)
    return url


def _blobs(url: str) -> str:
    if url and not url.startswith(_FOLDER) and not _BUCKET_URL.fullmatch(url):
        raise ValueError(
            "give a URL such as s3://BUCKET/PREFIX or file:///PATH, without a password"
        )
    return url


def is_bucket(url: str) -> bool:
    """Return whether a URL of blobs names a bucket of an object store."""
    return url.startswith(_BUCKET)


def folder_of(url: str) -> Path:
    """Return the folder that a URL of blobs names."""
    return Path(unquote(urlsplit(url).path))


def bucket_of(url: str) -> tuple[str, str]:
    """Return the bucket that a URL of blobs names, and the prefix, which is empty or ends in /."""
    bucket, _, prefix = url.removeprefix(_BUCKET).rstrip("/").partition("/")
    return bucket, f"{prefix}/" if prefix else ""


def check_milvus(uri: str) -> str:
    """Return an address of Milvus unchanged.

    Raises:
        ValueError: It is invalid; an error from pymilvus would include the password.
    """
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
MilvusUri = Annotated[str, AfterValidator(check_milvus)]
BlobsUrl = Annotated[str, AfterValidator(_blobs)]
