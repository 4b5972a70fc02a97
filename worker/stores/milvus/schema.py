"""The collection's schema, its index, and its search parameters."""

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
# The fields of an image's record.
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
# The fields of a hit.
HIT_FIELDS = ("image_id", "filepath", "tags")

# Maximum bytes of a tenant's name.
_TENANT_BYTES_MAX = 64
# Maximum bytes of a format's name ("JPEG") and of a job's id.
_NAME_BYTES_MAX = 128

# Minimum candidates of a search in a graph index. On vectors with 24 main
# directions among 512, 128 candidates found all of the ten nearest in 10,000 rows;
# the index's default found 85 %.
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
    # Unix time in milliseconds: filters can compare numbers, but not texts.
    schema.add_field("indexed_at", DataType.INT64)
    schema.add_field("job_id", DataType.VARCHAR, max_length=_NAME_BYTES_MAX)
    return schema


def index_params(*, lite: bool) -> IndexParams:
    """Return the index of the vectors.

    AUTOINDEX builds a graph on a server, and is the only index that Zilliz Cloud supports. On
    Lite it clusters the rows somewhere between 50,000 and 100,000, and then finds half of the
    nearest whatever the search parameters; FLAT compares all rows.
    """
    params = MilvusClient.prepare_index_params()
    kind = "FLAT" if lite else "AUTOINDEX"
    params.add_index(VECTOR, index_type=kind, metric_type="COSINE")
    return params


def search_params(candidates: int) -> dict[str, Any]:
    """Return the parameters of a search for ``candidates`` hits, counted from the first."""
    return {"metric_type": "COSINE", "params": {"ef": max(_EF_MIN, 2 * candidates)}}
