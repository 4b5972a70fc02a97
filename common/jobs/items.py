"""A job's list of items in Redis: the id and file name of each image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from redis import Redis
from redis.client import NEVER_DECODE

# First byte of a packed item; an item of version 1 is JSON and begins with a bracket.
_PACKED = b"\x01"
_ID_BYTES = 32


def pack_item(image_id: str, filename: str) -> bytes:
    """Return an item in the form in which Redis stores it: 33 bytes and the file name."""
    return _PACKED + bytes.fromhex(image_id) + filename.encode("utf-8", "surrogatepass")


def read_items(redis: Redis, key: str, indices: Sequence[int]) -> list[tuple[str, str]]:
    """Return the ids and file names of the items at these ascending indices.

    Args:
        redis: A client.
        key: The key of the list.
        indices: All of them must exist.
    """
    if not indices:
        return []
    pipe = redis.pipeline(transaction=False)
    # An item is not text; the client would decode it as such.
    send: Any = partial(pipe.execute_command, **{NEVER_DECODE: True})
    if indices[-1] - indices[0] == len(indices) - 1:
        send("LRANGE", key, indices[0], indices[-1])
        (entries,) = pipe.execute()
    else:
        for index in indices:
            send("LINDEX", key, index)
        entries = pipe.execute()
    return [_unpack(entry) for entry in cast("list[bytes]", entries)]


def _unpack(entry: bytes) -> tuple[str, str]:
    if not entry.startswith(_PACKED):
        found: Any = json.loads(entry)
        return found[0], found[1]
    start = len(_PACKED) + _ID_BYTES
    return entry[len(_PACKED) : start].hex(), entry[start:].decode("utf-8", "surrogatepass")
