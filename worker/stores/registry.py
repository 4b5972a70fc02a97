"""Which store the settings ask for."""

from __future__ import annotations

import re
import threading

from common.settings import Settings
from worker.encoders.base import Encoder
from worker.stores.base import VectorStore
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore

# A URI of this scheme names collections in the memory of this process, for tests.
_MEMORY_SCHEME = "memory://"

_memory: dict[tuple[str, str], MemoryCollection] = {}
_memory_lock = threading.Lock()


def open_store(settings: Settings, encoder: Encoder) -> VectorStore:
    """Return the store of an encoder's vectors; nothing is connected before ``open()``."""
    identity = Identity.of(encoder)
    name = collection_name(encoder.name)
    if settings.milvus_uri.startswith(_MEMORY_SCHEME):
        with _memory_lock:
            shared = _memory.setdefault((settings.milvus_uri, name), MemoryCollection())
        return MemoryStore(identity, shared)
    # pymilvus takes a second to import; a process with a store in memory does without.
    from worker.stores.milvus.store import MilvusStore

    return MilvusStore(settings.milvus_uri, settings.milvus_token, name, identity)


def collection_name(model: str) -> str:
    """Return the name of a model's collection: ``ViT-B/32`` → ``images__vit_b_32``."""
    return "images__" + re.sub(r"[^a-z0-9]+", "_", model.lower()).strip("_")
