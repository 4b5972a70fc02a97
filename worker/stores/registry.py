"""Chooses the vector store by the settings."""

from __future__ import annotations

import hashlib
import re
import threading

from common.settings import Settings
from worker.encoders.base import Encoder
from worker.encoders.families import OPEN_CLIP
from worker.stores.base import VectorStore
from worker.stores.collections import Collections
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore
from worker.stores.memory_collections import MemoryCollections

# URIs with this scheme name collections in this process's memory, for tests.
_MEMORY_SCHEME = "memory://"

_PREFIX = "images__"

# Models whose names are paths or repositories.
_FREE_NAMES = (f"{OPEN_CLIP}local-dir:", f"{OPEN_CLIP}hf-hub:")

# Hexadecimal digits of such a name's digest, and the characters before it. Milvus allows 255.
_DIGITS = 12
_WORDS_MAX = 100

# Collections in this process's memory, by URI and name.
_memory: dict[str, dict[str, MemoryCollection]] = {}
_memory_lock = threading.Lock()


def open_store(settings: Settings, encoder: Encoder) -> VectorStore:
    """Return the store for an encoder's vectors; it connects on ``open()``."""
    identity = Identity.of(encoder)
    name = collection_name(encoder.name)
    if is_memory(settings.milvus_uri):
        with _memory_lock:
            beside = _memory.setdefault(settings.milvus_uri, {})
            shared = beside.setdefault(name, MemoryCollection())
        return MemoryStore(identity, shared)
    # Imported only if needed, since importing pymilvus takes a second.
    from worker.stores.milvus.definition import Definition
    from worker.stores.milvus.store import MilvusStore

    definition = Definition.of(settings)
    return MilvusStore(settings.milvus_uri, settings.milvus_token, name, identity, definition)


def is_memory(uri: str) -> bool:
    """Return whether a URI names collections in this process's memory."""
    return uri.startswith(_MEMORY_SCHEME)


def open_collections(settings: Settings) -> Collections:
    """Return all models' collections."""
    if is_memory(settings.milvus_uri):
        with _memory_lock:
            return MemoryCollections(_memory.setdefault(settings.milvus_uri, {}))
    from worker.stores.milvus.collections import MilvusCollections
    from worker.stores.milvus.definition import Definition

    definition = Definition.of(settings)
    return MilvusCollections(settings.milvus_uri, settings.milvus_token, definition)


def collection_name(model: str) -> str:
    """Return the name of a model's collection: ``ViT-B/32`` → ``images__vit_b_32``.

    Names from a table remain distinct. Those of folders and repositories may be long or differ only
    in characters that Milvus does not allow, so they end with a digest.
    """
    words = re.sub(r"[^a-z0-9]+", "_", model.lower()).strip("_")
    if not model.startswith(_FREE_NAMES):
        return _PREFIX + words
    digest = hashlib.sha256(model.encode()).hexdigest()[:_DIGITS]
    return f"{_PREFIX}{words[:_WORDS_MAX]}_{digest}"
