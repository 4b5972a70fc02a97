"""Converts rows to Milvus's entities, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.contract import Hit, ImageRecord
from common.images.photo_info import Location, PhotoInfo
from common.rfc3339 import milliseconds, rfc3339
from worker.stores.base import Fingerprint, Named, Near, Row, Version
from worker.stores.hits import cosine
from worker.stores.metadata_keys import own_metadata, stored_metadata
from worker.stores.milvus.schema import VECTOR
from worker.stores.photo_fields import own_photo, stored_photo
from worker.stores.rows import cut_filename, row_key

# Values for the fields of a record that were not read.
_BLANK: dict[str, Any] = {
    "image_id": "",
    "filepath": "",
    "bytes": 0,
    "width": 0,
    "height": 0,
    "format": "",
    "tags": (),
    "metadata": {},
    "indexed_at": 0,
}


def to_entity(row: Row) -> dict[str, Any]:
    """Convert a row to a full entity."""
    record = row.record
    return {
        "key": row_key(row.tenant, record.id),
        "tenant": row.tenant,
        "image_id": record.id,
        "vector": row.vector,
        "filepath": cut_filename(record.filename),
        "bytes": record.bytes,
        "width": record.width,
        "height": record.height,
        "format": record.format,
        "tags": record.tags,
        "metadata": stored_metadata(record.metadata),
        "indexed_at": milliseconds(record.indexed_at),
        "job_id": row.job_id,
        **stored_photo(record.photo),
        # Dynamic fields, like those of the photo info.
        **({} if record.perceptual_hash is None else {"perceptual_hash": record.perceptual_hash}),
        **({"earlier_filenames": names} if (names := record.earlier_filenames) else {}),
    }


def to_record(entity: Mapping[str, Any]) -> ImageRecord:
    """Return the image's record in an entity."""
    return ImageRecord(
        id=entity["image_id"],
        filename=entity["filepath"],
        bytes=entity["bytes"],
        width=entity["width"],
        height=entity["height"],
        format=entity["format"],
        tags=list(entity["tags"]),
        metadata=own_metadata(entity["metadata"]),
        photo=own_photo(entity.get("photo")),
        perceptual_hash=entity.get("perceptual_hash"),
        earlier_filenames=list(entity.get("earlier_filenames", ())),
        indexed_at=rfc3339(entity["indexed_at"] / 1000),
    )


def to_partial_record(entity: Mapping[str, Any]) -> ImageRecord:
    """Return a record of the fields that an entity has; the others have no meaning.

    Of the photo info, it may have the place alone.
    """
    record = to_record({**_BLANK, **entity})
    if record.photo is not None or "latitude" not in entity:
        return record
    place = Location(latitude=entity["latitude"], longitude=entity["longitude"])
    return record.model_copy(update={"photo": PhotoInfo(location=place)})


def to_vector(entity: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the vector in an entity, float32 [dim]."""
    return np.asarray(entity[VECTOR], dtype=np.float32)


def to_fingerprint(entity: Mapping[str, Any]) -> Fingerprint:
    """Return the vector and the perceptual hash in an entity."""
    return Fingerprint(to_vector(entity), entity.get("perceptual_hash"))


def to_row(tenant: str, entity: Mapping[str, Any]) -> Row:
    """Convert an entity to a full row."""
    return Row(tenant, to_record(entity), to_vector(entity), entity["job_id"])


def to_named(entity: Mapping[str, Any]) -> Named:
    """Return the job and the file names in an entity."""
    names = (entity["filepath"], *entity.get("earlier_filenames", ()))
    return Named(entity["job_id"], names)


def to_version(entity: Mapping[str, Any]) -> Version:
    """Return the version of the row in an entity."""
    return Version(entity["job_id"], entity["indexed_at"])


def to_near(found: Mapping[str, Any]) -> Near:
    """Convert one result of a search for ids only."""
    return Near(found["entity"]["image_id"], cosine(float(found["distance"])))


def to_hit(found: Mapping[str, Any]) -> Hit:
    """Convert one result of a search; Milvus calls the score a distance."""
    entity = found["entity"]
    return Hit(
        id=entity["image_id"],
        score=cosine(float(found["distance"])),
        filename=entity["filepath"],
        tags=list(entity["tags"]),
        width=entity["width"],
        height=entity["height"],
    )
