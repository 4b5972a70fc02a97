"""The collection in Milvus: its fields, its index, and how it is searched."""

from __future__ import annotations

from typing import Any

from pymilvus import CollectionSchema, DataType, MilvusClient
from pymilvus.milvus_client.index import IndexParams

from common.ids import IMAGE_ID_DIGITS
from worker.stores.identity import Identity
from worker.stores.rows import FILENAME_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX

# The primary key: tenant and image id; see ``row_key``.
KEY = "key"
VECTOR = "vector"
# Everything beside the vector that an image's record is made of.
RECORD_FIELDS = (
    "image_id",
    "filepath",
    "bytes",
    "width",
    "height",
    "format",
    "tags",
    "metadata",
    "indexed_at",
)
# What a hit is made of.
HIT_FIELDS = ("image_id", "filepath", "tags")

# Bytes of a tenant's name, at most.
_TENANT_BYTES_MAX = 64
# Bytes of a format's name ("JPEG") and of a job's id, at most.
_NAME_BYTES_MAX = 128

# Candidates that a graph index looks at, at least. On vectors with 24 main
# directions among 512, 128 found every one of the ten nearest in 10,000 rows;
# the index's own choice found 85 in a hundred.
_EF_MIN = 128


def collection_schema(identity: Identity) -> CollectionSchema:
    """Return the schema of a new collection for one encoder's vectors."""
    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=True, description=identity.description()
    )
    key_bytes = _TENANT_BYTES_MAX + 1 + IMAGE_ID_DIGITS
    schema.add_field(KEY, DataType.VARCHAR, max_length=key_bytes, is_primary=True)
    schema.add_field("tenant", DataType.VARCHAR, max_length=_TENANT_BYTES_MAX)
    schema.add_field("image_id", DataType.VARCHAR, max_length=IMAGE_ID_DIGITS)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=identity.dim)
    schema.add_field("filepath", DataType.VARCHAR, max_length=FILENAME_BYTES_MAX)
    schema.add_field("bytes", DataType.INT64)
    schema.add_field("width", DataType.INT64)
    schema.add_field("height", DataType.INT64)
    schema.add_field("format", DataType.VARCHAR, max_length=_NAME_BYTES_MAX)
    schema.add_field(
        "tags",
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=TAGS_MAX,
        max_length=TAG_BYTES_MAX,
    )
    schema.add_field("metadata", DataType.JSON)
    # Milliseconds since 1970: a number is compared by a filter, a text is not.
    schema.add_field("indexed_at", DataType.INT64)
    schema.add_field("job_id", DataType.VARCHAR, max_length=_NAME_BYTES_MAX)
    return schema


def index_params(*, lite: bool) -> IndexParams:
    """Return the index of the vectors.

    A server chooses for itself and builds a graph; Zilliz Cloud takes nothing else. Lite has to
    be told to compare all rows: of its own choice it clusters them somewhere between 50,000 and
    100,000, and then finds half of the nearest, whatever a search asks for.
    """
    params = MilvusClient.prepare_index_params()
    kind = "FLAT" if lite else "AUTOINDEX"
    params.add_index(VECTOR, index_type=kind, metric_type="COSINE")
    return params


def search_params(candidates: int) -> dict[str, Any]:
    """Return how to search for so many hits, counted from the first."""
    return {"metric_type": "COSINE", "params": {"ef": max(_EF_MIN, 2 * candidates)}}
