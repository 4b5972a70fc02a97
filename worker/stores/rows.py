"""Checks that every store runs on rows before it writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from common.contract import MetadataValue
from common.errors import StoreError
from worker.stores.base import Row
from worker.stores.metadata_keys import stored_metadata
from worker.stores.photo_fields import stored_photo

# Capacities of a collection. The limits on uploads (``common.images.metadata_limits``) are lower
# and may change; these are part of the schema of every existing collection.

# Maximum bytes of a path: Linux's PATH_MAX.
FILENAME_BYTES_MAX = 4096
# Maximum tags of an image; a Milvus array can have 4,096 elements.
TAGS_MAX = 1024
# Maximum bytes of a tag.
TAG_BYTES_MAX = 512
# Maximum bytes of an image's metadata as JSON: Milvus's limit for a JSON field.
METADATA_BYTES_MAX = 65_536
# Maximum bytes of an image's photo info as JSON: Milvus's limit for all dynamic fields of a row.
PHOTO_BYTES_MAX = 65_536
# Size assigned to text without a UTF-8 encoding, beyond every limit.
_UNENCODABLE = METADATA_BYTES_MAX + 1
# Integers that a JSON field of Milvus can store.
_INT64 = range(-(2**63), 2**63)


def row_key(tenant: str, image_id: str) -> str:
    """Return the key of a row; the same image in two tenants has two rows."""
    return f"{tenant}/{image_id}"


def cut_filename(filename: str) -> str:
    """Return a path as valid UTF-8, truncated at its start if it is too long.

    The end is kept because it contains the file's name.
    """
    encoded = filename.encode(errors="replace")
    return encoded[-FILENAME_BYTES_MAX:].decode(errors="ignore")


def check_rows(rows: Sequence[Row], dim: int | None) -> None:
    """Reject rows that Milvus Lite would accept silently, or a server with an unclear error.

    Args:
        rows: Rows to write together.
        dim: Length of the vectors; None accepts any.

    Raises:
        StoreError: A row cannot be stored, or a key occurs twice.
    """
    keys = {row_key(row.tenant, row.record.id) for row in rows}
    if len(keys) < len(rows):
        raise StoreError("A key occurs twice among the rows of one upsert; send each once.")
    for row in rows:
        _check_vector(row, dim)
        _check_tags(row)
        _check_metadata(row)
        _check_photo(row)


def _check_vector(row: Row, dim: int | None) -> None:
    length = len(row.vector) if dim is None else dim
    if row.vector.shape != (length,) or not np.isfinite(row.vector).all():
        raise StoreError(f"The vector of image {row.record.id} is not {length} finite numbers.")


def _check_tags(row: Row) -> None:
    tags = row.record.tags
    if len(tags) > TAGS_MAX or any(_size(tag) > TAG_BYTES_MAX for tag in tags):
        raise StoreError(
            f"Image {row.record.id} has too many tags, or one that is too long;"
            f" use at most {TAGS_MAX} of {TAG_BYTES_MAX} bytes each."
        )


def _check_metadata(row: Row) -> None:
    if not all(_is_stored(value) for value in row.record.metadata.values()):
        raise StoreError(
            f"The metadata of image {row.record.id} has a number that cannot be stored;"
            " use finite numbers and 64-bit integers."
        )
    size = _metadata_size(row.record.metadata)
    if size > METADATA_BYTES_MAX:
        raise StoreError(
            f"The metadata of image {row.record.id} takes {size} bytes as JSON;"
            f" use at most {METADATA_BYTES_MAX}."
        )


def _metadata_size(metadata: Mapping[str, MetadataValue]) -> int:
    """Return the size in bytes of metadata as stored, with its keys encoded."""
    try:
        return _size(json.dumps(stored_metadata(metadata), ensure_ascii=False))
    except UnicodeEncodeError:
        return _UNENCODABLE


def _check_photo(row: Row) -> None:
    size = _size(json.dumps(stored_photo(row.record.photo), ensure_ascii=False))
    if size > PHOTO_BYTES_MAX:
        raise StoreError(
            f"The photo info of image {row.record.id} takes {size} bytes as JSON;"
            f" use at most {PHOTO_BYTES_MAX}."
        )


def _is_stored(value: MetadataValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or value in _INT64


def _size(text: str) -> int:
    # A lone surrogate has no UTF-8 encoding, and counts as too long for any field.
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return _UNENCODABLE
