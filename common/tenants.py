"""Names of tenants: folders in the blob store, and parts of keys in Redis and Milvus."""

from __future__ import annotations

import re

# Nothing that a path, a pattern of Redis or an expression of Milvus gives a meaning to.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
# Names that the blob folder uses for itself, on one level or another.
_TAKEN = frozenset(
    {"archives", "queries", "incoming", "glimpse-blobs", "originals", "renditions", "withdrawn"}
)


def check_tenant(name: str) -> str:
    """Return a tenant's name as it is.

    Raises:
        ValueError: It cannot be one; the message says why.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a tenant's name has 1 to 63 characters of a-z, 0-9, - and _, and begins with a letter"
            " or a digit"
        )
    if name in _TAKEN:
        raise ValueError(f"{name!r} is a name that Glimpse uses itself; choose another")
    return name
