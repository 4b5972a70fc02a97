"""A cache of text embeddings, so that repeated texts are encoded only once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class EmbeddingCache:
    """An LRU cache of text embeddings; thread-safe.

    Args:
        model: Name and revision of the encoder, as part of each entry's key.
        entries_max: Maximum entries; 0 disables the cache.
        on_lookup: Called with whether a lookup found an entry; must not raise.
    """

    def __init__(
        self,
        model: str,
        entries_max: int,
        on_lookup: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._entries_max = entries_max
        # The most recently used text is last.
        self._entries: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._lock = threading.Lock()
        self._on_lookup = on_lookup

    def get(self, text: str) -> Vector | None:
        """Return a text's embedding, a read-only float32 [dim], or None."""
        key = (self._model, text)
        with self._lock:
            vector = self._entries.get(key)
            if vector is not None:
                self._entries.move_to_end(key)
        self._on_lookup(vector is not None)
        return vector

    def put(self, text: str, vector: Vector) -> None:
        """Cache a text's embedding; evict the least recently used ones if full."""
        kept = vector.copy()
        kept.setflags(write=False)
        key = (self._model, text)
        with self._lock:
            self._entries[key] = kept
            self._entries.move_to_end(key)
            while len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
