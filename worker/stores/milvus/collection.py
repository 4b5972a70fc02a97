"""Creates the collection; safe for concurrent workers."""

from __future__ import annotations

from pymilvus import MilvusClient, MilvusException

from common.errors import ModelMismatch
from worker.stores.identity import Identity
from worker.stores.milvus.schema import VECTOR, collection_schema, index_params

# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0
# Timeout for loading a collection into memory, in seconds.
_LOAD_TIMEOUT_S = 60.0


def ensure_collection(
    client: MilvusClient, name: str, identity: Identity, *, lite: bool, creates: bool
) -> None:
    """Create the collection if needed, check that it is of this encoder, index it and load it.

    Every step is idempotent, and another worker may do it concurrently.

    Raises:
        ModelMismatch: The collection holds vectors of another encoder.
        MilvusException: Milvus does not answer, or rejects a call.
    """
    if creates and not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
        _create(client, name, identity)
    _require_identity(client, name, identity)
    if VECTOR not in client.list_indexes(name, timeout=_CALL_TIMEOUT_S):
        client.create_index(name, index_params(lite=lite), timeout=_CALL_TIMEOUT_S)
    client.load_collection(name, timeout=_LOAD_TIMEOUT_S)


def _create(client: MilvusClient, name: str, identity: Identity) -> None:
    try:
        client.create_collection(name, schema=collection_schema(identity), timeout=_CALL_TIMEOUT_S)
    except MilvusException:
        # Another worker may have created it; the caller checks its identity next.
        if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
            raise


def _require_identity(client: MilvusClient, name: str, identity: Identity) -> None:
    described = client.describe_collection(name, timeout=_CALL_TIMEOUT_S)
    stored = Identity.read(described["description"])
    if stored is None:
        raise ModelMismatch(
            f"The collection {name} was not created by Glimpse; rename or drop it,"
            " or use another Milvus."
        )
    stored.require(identity)
