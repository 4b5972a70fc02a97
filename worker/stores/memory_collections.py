"""All models' collections in this process's memory, for tests."""

from __future__ import annotations

from collections.abc import MutableMapping

from common.contract import Collection
from worker.stores.base import VectorStore
from worker.stores.memory import MemoryCollection, MemoryStore


class MemoryCollections:
    """The collections of one process; see ``worker.stores.collections.Collections``.

    Args:
        collections: The collections by name, shared with the stores of their models.
    """

    def __init__(self, collections: MutableMapping[str, MemoryCollection]) -> None:
        self._collections = collections

    def all(self) -> list[Collection]:
        """Return every model's collection, sorted by model."""
        found = [
            Collection(
                model=each.identity.encoder,
                revision=each.identity.revision,
                dim=each.identity.dim,
                images=MemoryStore(each.identity, each).count(),
            )
            for each in self._collections.values()
            if each.identity is not None
        ]
        return sorted(found, key=lambda each: each.model)

    def find(self, model: str) -> MemoryStore | None:
        """Return the store of a model's collection, or None if it has none."""
        for each in self._collections.values():
            if each.identity is not None and each.identity.encoder == model:
                return MemoryStore(each.identity, each)
        return None

    def others(self, store: VectorStore) -> list[VectorStore]:
        """Return the stores of all collections but this one."""
        mark = store.collection()
        return [
            MemoryStore(each.identity, each)
            for each in self._collections.values()
            if each.mark != mark
        ]

    def drop(self, model: str) -> bool:
        """Drop a model's collection; return whether there was one."""
        names = [
            name
            for name, each in self._collections.items()
            if each.identity is not None and each.identity.encoder == model
        ]
        for name in names:
            del self._collections[name]
        return bool(names)
