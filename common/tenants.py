"""Names of tenants, which are part of paths in the blob store and of keys in Redis and Milvus."""

from __future__ import annotations

import re

# No character with a special meaning in paths, patterns of Redis or expressions of Milvus.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
# Names that Glimpse uses in the blob folder, at any level.
_RESERVED = frozenset(
    {"archives", "queries", "incoming", "glimpse-blobs", "originals", "renditions", "withdrawn"}
)


def check_tenant(name: str) -> str:
    """Return a tenant's name unchanged.

    Raises:
        ValueError: The name is invalid; the message says why.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a tenant's name has 1 to 63 of the characters a-z, 0-9, - and _, and begins with a"
            " letter or a digit"
        )
    if name in _RESERVED:
        raise ValueError(f"{name!r} is reserved; choose another name")
    return name
