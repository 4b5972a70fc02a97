"""All models' collections in one Milvus; each names its model in its description."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pymilvus import MilvusClient

from common.contract import Collection
from worker.stores.base import VectorStore
from worker.stores.identity import Identity
from worker.stores.milvus.client import address_of, connect
from worker.stores.milvus.definition import Definition
from worker.stores.milvus.errors import translated
from worker.stores.milvus.store import MilvusStore

# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0


class MilvusCollections:
    """The collections in a database of Milvus; see ``worker.stores.collections.Collections``.

    Args:
        uri: Address of Milvus.
        token: As for ``MilvusStore``.
        definition: How the workers lay out collections; they are loaded this way.
    """

    def __init__(self, uri: str, token: str, definition: Definition) -> None:
        self._uri = uri
        self._token = token
        self._definition = definition
        self._lock = threading.Lock()
        # Connected on first use; it reconnects automatically.
        self._client: MilvusClient | None = None
        # Stores by the name of their collection; they stay connected.
        self._stores: dict[str, MilvusStore] = {}

    def all(self) -> list[Collection]:
        """Return every model's collection, sorted by model."""
        with self._connected() as client:
            identities = dict(self._identities(client))
        collections = []
        for name, identity in identities.items():
            count = self._store(name, identity).count()
            collections.append(
                Collection(
                    model=identity.encoder,
                    revision=identity.revision,
                    dim=identity.dim,
                    images=count,
                )
            )
        return sorted(collections, key=lambda each: each.model)

    def find(self, model: str) -> MilvusStore | None:
        """Return the store of a model's collection, or None if it has none."""
        with self._connected() as client:
            for name, identity in self._identities(client):
                if identity.encoder == model:
                    return self._store(name, identity)
        return None

    def named(self) -> list[tuple[str, Identity, MilvusStore]]:
        """Return the name, the identity and the store of every collection."""
        with self._connected() as client:
            found = list(self._identities(client))
        return [(name, identity, self._store(name, identity)) for name, identity in found]

    def others(self, store: VectorStore) -> list[VectorStore]:
        """Return the stores of all collections but this one."""
        own = store.collection()
        with self._connected() as client:
            found = list(self._identities(client))
        return [self._store(name, each) for name, each in found if not own.startswith(f"{name} ")]

    def drop(self, model: str) -> bool:
        """Drop a model's collection; return whether there was one."""
        with self._connected() as client:
            names = [name for name, found in self._identities(client) if found.encoder == model]
            for name in names:
                self._forget(name)
                client.drop_collection(name, timeout=_CALL_TIMEOUT_S)
        return bool(names)

    def _identities(self, client: MilvusClient) -> Iterator[tuple[str, Identity]]:
        """Yield the name and identity of each collection that Glimpse created."""
        for name in client.list_collections(timeout=_CALL_TIMEOUT_S):
            described = client.describe_collection(name, timeout=_CALL_TIMEOUT_S)
            identity = Identity.read(described["description"])
            if identity is not None:
                yield name, identity

    def _store(self, name: str, identity: Identity) -> MilvusStore:
        with self._lock:
            store = MilvusStore(
                self._uri, self._token, name, identity, self._definition, creates=False
            )
            return self._stores.setdefault(name, store)

    def _forget(self, name: str) -> None:
        with self._lock:
            store = self._stores.pop(name, None)
        if store is not None:
            store.close()

    @contextmanager
    def _connected(self) -> Iterator[MilvusClient]:
        """Yield the client, and translate errors: a deletion must not connect each time."""
        with translated(address_of(self._uri)):
            yield self._opened()

    def _opened(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                self._client = connect(self._uri, self._token)
            return self._client
