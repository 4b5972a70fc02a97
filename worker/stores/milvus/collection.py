"""Making the collection, by however many workers at once."""

from __future__ import annotations

from pymilvus import MilvusClient, MilvusException

from common.errors import ModelMismatch
from worker.stores.identity import Identity
from worker.stores.milvus.schema import VECTOR, collection_schema, index_params

# Seconds that a call about the collection may take.
_CALL_TIMEOUT_S = 10.0
# Seconds that a server may take to bring a collection into memory.
_LOAD_TIMEOUT_S = 60.0


def ensure_collection(client: MilvusClient, name: str, identity: Identity, *, lite: bool) -> None:
    """Return when the collection is there, of this encoder, indexed and loaded.

    Every step may be repeated and may be done by another worker meanwhile.

    Raises:
        ModelMismatch: The collection holds vectors of another encoder.
        MilvusException: Milvus does not answer, or refuses.
    """
    if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
        _create(client, name, identity)
    _require_identity(client, name, identity)
    if VECTOR not in client.list_indexes(name, timeout=_CALL_TIMEOUT_S):
        client.create_index(name, index_params(lite=lite), timeout=_CALL_TIMEOUT_S)
    client.load_collection(name, timeout=_LOAD_TIMEOUT_S)


def _create(client: MilvusClient, name: str, identity: Identity) -> None:
    try:
        client.create_collection(name, schema=collection_schema(identity), timeout=_CALL_TIMEOUT_S)
    except MilvusException:
        # Another worker may have been quicker; whether it agrees is checked next.
        if not client.has_collection(name, timeout=_CALL_TIMEOUT_S):
            raise


def _require_identity(client: MilvusClient, name: str, identity: Identity) -> None:
    described = client.describe_collection(name, timeout=_CALL_TIMEOUT_S)
    stored = Identity.read(described["description"])
    if stored is None:
        raise ModelMismatch(
            f"The collection {name} was not made by Glimpse; rename or drop it,"
            " or choose another Milvus."
        )
    stored.require(identity)
