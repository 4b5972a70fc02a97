"""Keys of an image's own metadata, as Milvus keeps them.

A filter of Milvus names a key between quotes and brackets, and has no way to
write one that holds any of these itself. Such keys are kept percent-encoded,
behind a per cent sign of their own, so that each can be named and read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, unquote

T = TypeVar("T")

# Keys that are kept as they are. None of them begins as an encoded one does.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)

_MARK = "%"


def stored_key(key: str) -> str:
    """Return a key as it is kept: letters, digits, ``_``, ``-``, ``.`` and ``%`` only.

    Raises:
        UnicodeEncodeError: The key has a lone surrogate.
    """
    if _PLAIN.fullmatch(key):
        return key
    # The tilde is the escape of JSON pointers, which Milvus looks keys up by.
    return _MARK + quote(key, safe="").replace("~", "%7E")


def own_key(stored: str) -> str:
    """Return the key that is kept as ``stored``."""
    return unquote(stored[len(_MARK) :]) if stored.startswith(_MARK) else stored


def stored_metadata(metadata: Mapping[str, T]) -> dict[str, T]:
    """Return metadata as it is kept."""
    return {stored_key(key): value for key, value in metadata.items()}


def own_metadata(stored: Mapping[str, T]) -> dict[str, T]:
    """Return metadata as the caller gave it."""
    return {own_key(key): value for key, value in stored.items()}
