"""The cache of text embeddings: what is asked again need not be encoded again."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class EmbeddingCache:
    """The embeddings of the texts that were asked for last; safe for several threads.

    Args:
        model: Name and revision of the encoder: another one's embeddings are none of these.
        entries_max: Embeddings kept, at most; 0 keeps none.
    """

    def __init__(self, model: str, entries_max: int) -> None:
        self._model = model
        self._entries_max = entries_max
        # The text used last is at the end.
        self._entries: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._lock = threading.Lock()
        # Texts that were asked for and were there, or were not.
        self.hits = 0
        self.misses = 0

    def get(self, text: str) -> Vector | None:
        """Return a text's embedding, float32 [dim], which nobody may write to, or None."""
        key = (self._model, text)
        with self._lock:
            vector = self._entries.get(key)
            if vector is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return vector

    def put(self, text: str, vector: Vector) -> None:
        """Keep a text's embedding, and forget the one unused for longest where there is no room."""
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
