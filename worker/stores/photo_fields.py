"""The fields of a row that hold its photo info, for filters and to show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.images.photo_info import PhotoInfo
from common.rfc3339 import EPOCH, MILLISECOND


def stored_photo(photo: PhotoInfo | None) -> dict[str, Any]:
    """Return the fields of a photo info; a condition on a field that is missing is not met.

    ``photo`` is the whole; the fields for filters come before it, because Milvus parses them for
    every row.
    """
    if photo is None:
        return {}
    fields: dict[str, Any] = {"taken_at": taken_at_ms(photo), "camera": folded_camera(photo)}
    if photo.location is not None:
        fields["latitude"] = photo.location.latitude
        fields["longitude"] = photo.location.longitude
    fields["photo"] = photo.model_dump(exclude_none=True, exclude_defaults=True)
    return {name: value for name, value in fields.items() if value is not None}


def own_photo(stored: Mapping[str, Any] | None) -> PhotoInfo | None:
    """Return the photo info in the field ``photo``, which is missing in a row without one."""
    return None if stored is None else PhotoInfo.model_validate(stored)


def taken_at_ms(photo: PhotoInfo) -> int | None:
    """Return when a picture was taken, in whole milliseconds since 1970.

    A time without an offset is read as UTC.
    """
    try:
        moment = datetime.fromisoformat(photo.taken_at or "")
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MILLISECOND


def folded_camera(photo: PhotoInfo) -> str | None:
    """Return the camera without case, as filters compare it."""
    return None if photo.camera is None else photo.camera.casefold()
