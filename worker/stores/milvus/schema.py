"""The collection's schema."""

from __future__ import annotations

from pymilvus import CollectionSchema, DataType, MilvusClient

from common.ids import IMAGE_ID_DIGITS
from worker.stores.identity import Identity
from worker.stores.rows import FILENAME_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX

# The primary key: tenant and image id; see ``row_key``.
KEY = "key"
VECTOR = "vector"
# The fields of an image's record. ``photo`` and the fields that are derived from it are dynamic
# (docs/decisions/0039-photo-info.md): a row of an image without photo info has none of them. So are
# the ``earlier_filenames`` of renamed images, and ``perceptual_hash``.
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
    "photo",
    "perceptual_hash",
    "earlier_filenames",
)
# Fields with a different name in the API.
_STORED_NAMES = {"filename": "filepath", "id": "image_id"}
# The fields of a hit.
HIT_FIELDS = ("image_id", "filepath", "tags", "width", "height")
# The fields that tell the job and the file names of an image.
NAMED_FIELDS = ("image_id", "job_id", "filepath", "earlier_filenames")
# The fields that tell near-duplicates.
FINGERPRINT_FIELDS = ("image_id", VECTOR, "perceptual_hash")
# The fields of a row's version.
VERSION_FIELDS = ("job_id", "indexed_at")

# Maximum bytes of a tenant's name.
_TENANT_BYTES_MAX = 64
# Maximum bytes of a format's name ("JPEG") and of a job's id.
_NAME_BYTES_MAX = 128


def stored_name(field: str) -> str:
    """Return the name in Milvus of a field of the API."""
    return _STORED_NAMES.get(field, field)


def collection_schema(identity: Identity, *, partition_key: bool = False) -> CollectionSchema:
    """Return the schema of a new collection for one encoder's vectors.

    Args:
        identity: The encoder.
        partition_key: Whether the tenant is the partition key, for servers that support it.
    """
    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=True, description=identity.description()
    )
    key_bytes = _TENANT_BYTES_MAX + 1 + IMAGE_ID_DIGITS
    schema.add_field(KEY, DataType.VARCHAR, max_length=key_bytes, is_primary=True)
    schema.add_field(
        "tenant", DataType.VARCHAR, max_length=_TENANT_BYTES_MAX, is_partition_key=partition_key
    )
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
