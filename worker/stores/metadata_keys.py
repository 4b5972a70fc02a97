"""Keys of custom metadata, as stored in Milvus.

A Milvus filter writes a key in brackets and quotes, and cannot escape these
characters within a key. Such keys are stored percent-encoded with an extra
leading percent sign, so that every key can be used in filters and decoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, unquote

T = TypeVar("T")

# Keys that are stored unchanged. None of them starts like an encoded key.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)

_MARK = "%"


def stored_key(key: str) -> str:
    """Encode a key for storage: letters, digits, ``_``, ``-``, ``.`` and ``%`` only.

    Raises:
        UnicodeEncodeError: The key has a lone surrogate.
    """
    if _PLAIN.fullmatch(key):
        return key
    # The tilde is the escape character of JSON pointers, by which Milvus looks up keys.
    return _MARK + quote(key, safe="").replace("~", "%7E")


def own_key(stored: str) -> str:
    """Decode a stored key."""
    return unquote(stored[len(_MARK) :]) if stored.startswith(_MARK) else stored


def stored_metadata(metadata: Mapping[str, T]) -> dict[str, T]:
    """Return metadata with its keys encoded for storage."""
    return {stored_key(key): value for key, value in metadata.items()}


def own_metadata(stored: Mapping[str, T]) -> dict[str, T]:
    """Return stored metadata with its original keys."""
    return {own_key(key): value for key, value in stored.items()}
