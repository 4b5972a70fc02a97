"""What every store asks of a row before it writes any of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from common.contract import MetadataValue
from common.errors import StoreError
from worker.stores.base import Row
from worker.stores.metadata_keys import stored_metadata

# What a collection has room for. Uploads keep less (``common.images.metadata_limits``), whose
# bounds may change; these are in the schema of every collection that is there.

# Bytes of a path, at most: Linux's PATH_MAX.
FILENAME_BYTES_MAX = 4096
# Tags of one image, at most; a Milvus array takes 4,096 elements.
TAGS_MAX = 1024
# Bytes of one tag, at most.
TAG_BYTES_MAX = 512
# Bytes of an image's metadata as JSON, at most: Milvus's limit of a JSON field.
METADATA_BYTES_MAX = 65_536
# The size of what has no UTF-8: more than anything may have.
_UNENCODABLE = METADATA_BYTES_MAX + 1
# Whole numbers that a JSON field of Milvus takes.
_INT64 = range(-(2**63), 2**63)


def row_key(tenant: str, image_id: str) -> str:
    """Return the key of a row: the same bytes of two tenants are two rows."""
    return f"{tenant}/{image_id}"


def cut_filename(filename: str) -> str:
    """Return a path as it can be stored: valid UTF-8, and of one too long only its end.

    The end of a path names the file; its beginning is what can be missed.
    """
    encoded = filename.encode(errors="replace")
    return encoded[-FILENAME_BYTES_MAX:].decode(errors="ignore")


def check_rows(rows: Sequence[Row], dim: int | None) -> None:
    """Refuse what Milvus Lite would take in silence or a server would refuse in its own words.

    Args:
        rows: What is to be written together.
        dim: Length of a vector; None takes any.

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


def _check_vector(row: Row, dim: int | None) -> None:
    length = len(row.vector) if dim is None else dim
    if row.vector.shape != (length,) or not np.isfinite(row.vector).all():
        raise StoreError(f"The vector of image {row.record.id} is not {length} finite numbers.")


def _check_tags(row: Row) -> None:
    tags = row.record.tags
    if len(tags) > TAGS_MAX or any(_size(tag) > TAG_BYTES_MAX for tag in tags):
        raise StoreError(
            f"Image {row.record.id} has too many tags or one too long;"
            f" use at most {TAGS_MAX} of {TAG_BYTES_MAX} bytes each."
        )


def _check_metadata(row: Row) -> None:
    if not all(_is_stored(value) for value in row.record.metadata.values()):
        raise StoreError(
            f"The metadata of image {row.record.id} has a number that cannot be stored;"
            " use finite ones, and whole ones of 64 bits."
        )
    size = _metadata_size(row.record.metadata)
    if size > METADATA_BYTES_MAX:
        raise StoreError(
            f"The metadata of image {row.record.id} takes {size} bytes as JSON;"
            f" use at most {METADATA_BYTES_MAX}."
        )


def _metadata_size(metadata: Mapping[str, MetadataValue]) -> int:
    """Return the bytes of metadata as it is kept, its keys encoded."""
    try:
        return _size(json.dumps(stored_metadata(metadata), ensure_ascii=False))
    except UnicodeEncodeError:
        return _UNENCODABLE


def _is_stored(value: MetadataValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or value in _INT64


def _size(text: str) -> int:
    # A lone surrogate is no character and has no UTF-8; it counts as too long for anything.
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return _UNENCODABLE
