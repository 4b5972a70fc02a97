"""Creates the collection; safe for concurrent workers."""

from __future__ import annotations

import logging

from pymilvus import MilvusClient, MilvusException
from pymilvus.client.types import LoadState

from common.errors import CopyUnfinished, ModelMismatch
from common.vector_index import VectorIndex
from worker.stores.identity import Identity
from worker.stores.milvus.definition import Definition, Server
from worker.stores.milvus.index import built_index, index_params
from worker.stores.milvus.schema import VECTOR, collection_schema

log = logging.getLogger(__name__)

# How an alias ends that marks an unfinished copy. Lite has no aliases, but is no target either.
COPY_ALIAS = "__copy"
# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0
# Timeout for loading a collection into memory, in seconds.
_LOAD_TIMEOUT_S = 60.0
# AUTOINDEX on Lite clusters the rows somewhere between 50,000 and 100,000, and then finds half of
# the nearest whatever the search parameters; FLAT compares all rows.
_LITE_INDEX = VectorIndex.of("FLAT")


def ensure_collection(
    client: MilvusClient,
    name: str,
    identity: Identity,
    definition: Definition,
    server: Server,
    *,
    creates: bool,
) -> VectorIndex | None:
    """Create the collection if needed, check that it is of this encoder, index it and load it.

    Every step is idempotent, and another worker may do it concurrently.

    Returns:
        The index that the collection has; None if its kind is unknown.

    Raises:
        ModelMismatch: The collection holds vectors of another encoder.
        CopyUnfinished: The collection is an unfinished copy.
        IndexUnsupported: This Milvus cannot create such a collection.
        MilvusException: Milvus does not answer, or rejects a call.
    """
    if creates:
        server.require(definition)
        if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
            create_collection(client, name, identity, definition)
    _require(client, name, identity)
    built = open_collection(client, name, definition, server)
    if creates and not server.lite and not _is_as_wanted(built, definition.index):
        # A loaded collection keeps its index; `glimpse migrate` copies it to one with another.
        log.warning("store.index_differs collection=%s has=%s", name, built)
    return built


def create_collection(
    client: MilvusClient, name: str, identity: Identity, definition: Definition
) -> None:
    """Create a collection, or return if another worker has created it meanwhile."""
    try:
        client.create_collection(
            name,
            schema=collection_schema(identity, partition_key=definition.partition_key),
            num_shards=definition.shards,
            properties={"mmap.enabled": "true"} if definition.mmap else {},
            timeout=_CALL_TIMEOUT_S,
        )
    except MilvusException:
        # Another worker may have created it; the caller checks its identity next.
        if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
            raise


def open_collection(
    client: MilvusClient, name: str, definition: Definition, server: Server
) -> VectorIndex | None:
    """Index a collection where indexes are missing, load it, and return its vectors' index."""
    wanted = _LITE_INDEX if server.lite else definition.index
    indexes = client.list_indexes(name, timeout=_CALL_TIMEOUT_S)
    if VECTOR not in indexes:
        client.create_index(name, index_params(wanted), timeout=_CALL_TIMEOUT_S)
    for field, kind in server.scalar_indexes().items():
        if field not in indexes:
            _index_field(client, name, field, kind)
    if server.lite:
        client.load_collection(name, timeout=_LOAD_TIMEOUT_S)
        return wanted
    # A loaded collection cannot be loaded with another number of replicas.
    if client.get_load_state(name, timeout=_CALL_TIMEOUT_S)["state"] != LoadState.Loaded:
        client.load_collection(name, timeout=_LOAD_TIMEOUT_S, replica_number=definition.replicas)
    return built_index(client.describe_index(name, VECTOR, timeout=_CALL_TIMEOUT_S), wanted)


def _index_field(client: MilvusClient, name: str, field: str, kind: str) -> None:
    params = client.prepare_index_params()
    params.add_index(field, index_type=kind)
    try:
        # Its rows may take longer to index than a call.
        client.create_index(name, params, timeout=_CALL_TIMEOUT_S, sync=False)
    except MilvusException as error:
        # Filters are slower without it, and work.
        log.warning("store.field_not_indexed collection=%s field=%s: %s", name, field, error)


def _is_as_wanted(built: VectorIndex | None, wanted: VectorIndex) -> bool:
    return built is not None and (built.kind, built.build) == (wanted.kind, wanted.build)


def _require(client: MilvusClient, name: str, identity: Identity) -> None:
    described = client.describe_collection(name, timeout=_CALL_TIMEOUT_S)
    stored = Identity.read(described["description"])
    if stored is None:
        raise ModelMismatch(
            f"The collection {name} was not created by Glimpse; rename or drop it,"
            " or use another Milvus."
        )
    stored.require(identity)
    # A migration itself opens the collection by the alias.
    if any(alias.endswith(COPY_ALIAS) for alias in set(described.get("aliases", ())) - {name}):
        raise CopyUnfinished(
            f"The collection {name} is an unfinished copy. Stop the workers of the old Milvus and"
            " run `glimpse migrate --finish`, then start the workers of this one."
        )
