"""Collections: all models' collections in the store, beside the one of this worker."""

from __future__ import annotations

from typing import Protocol

from common.contract import Collection
from worker.stores.base import VectorStore


class Collections(Protocol):
    """The collections of all models.

    Every method raises ``StoreUnavailable`` or ``StoreError``, as those of a ``VectorStore`` do.
    """

    def all(self) -> list[Collection]:
        """Return every model's collection, sorted by model."""
        ...

    def find(self, model: str) -> VectorStore | None:
        """Return the store of a model's collection, or None if it has none."""
        ...

    def others(self, store: VectorStore) -> list[VectorStore]:
        """Return the stores of all collections but this one."""
        ...

    def drop(self, model: str) -> bool:
        """Drop a model's collection; return whether there was one."""
        ...
