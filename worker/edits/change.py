"""Applies a change to an image's record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from common.contract import Change, ImageRecord
from common.errors import Unprocessable
from common.images.metadata_limits import (
    FILENAMES_BYTES_MAX,
    FILENAMES_MAX,
    KEYS_MAX,
    METADATA_BYTES_MAX,
    TAGS_MAX,
)


def changed(record: ImageRecord, change: Change) -> ImageRecord:
    """Return the record with its name, tags and metadata changed; an equal one if nothing is.

    Raises:
        Unprocessable: The record would exceed the limits on uploads.
    """
    about: dict[str, Any] = {}
    if change.filename not in (None, record.filename):
        about["filename"] = change.filename
        about["earlier_filenames"] = _earlier(record, change.filename)
    if change.add_tags or change.remove_tags:
        about["tags"] = _tags(record, change)
    if change.set_metadata or change.unset_metadata:
        about["metadata"] = _metadata(record, change)
    return record.model_copy(update=about)


def _earlier(record: ImageRecord, filename: str | None) -> list[str]:
    """Return the names before a new one, as many as a row may keep."""
    names = [record.filename, *record.earlier_filenames]
    kept = [name for name in names if name != filename]
    while not fits(kept):
        kept.pop()
    return kept


def fits(filenames: Sequence[str]) -> bool:
    """Return whether a row may keep so many other names."""
    size = len("".join(filenames).encode())
    return len(filenames) <= FILENAMES_MAX and size <= FILENAMES_BYTES_MAX


def _tags(record: ImageRecord, change: Change) -> list[str]:
    left = [tag for tag in record.tags if tag not in change.remove_tags]
    tags = list(dict.fromkeys([*left, *change.add_tags]))
    if len(tags) > max(TAGS_MAX, len(record.tags)):
        raise Unprocessable(
            f"The image would have {len(tags)} tags; an image may have {TAGS_MAX}. Remove some."
        )
    return tags


def _metadata(record: ImageRecord, change: Change) -> dict[str, Any]:
    left = {
        key: value for key, value in record.metadata.items() if key not in change.unset_metadata
    }
    metadata = left | change.set_metadata
    if len(metadata) > max(KEYS_MAX, len(record.metadata)):
        raise Unprocessable(
            f"The image would have {len(metadata)} metadata keys; an image may have {KEYS_MAX}."
            " Unset some."
        )
    size = len(json.dumps(metadata))
    if size > max(METADATA_BYTES_MAX, len(json.dumps(record.metadata))):
        raise Unprocessable(
            f"The image's metadata would take {size} bytes as JSON; it may take"
            f" {METADATA_BYTES_MAX}. Unset some keys."
        )
    return metadata
