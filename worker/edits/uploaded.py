"""Applies an upload to the record of an image that is already indexed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.contract import Change, ImageRecord, MetadataValue
from worker.edits.change import changed, fits


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload says about an image.

    Attributes:
        tags: Its tags.
        metadata: Its metadata.
        filename: Its file name, as stores keep it; None if it was uploaded without one.
    """

    tags: Sequence[str]
    metadata: Mapping[str, MetadataValue]
    filename: str | None


def merged(record: ImageRecord, uploaded: Uploaded) -> ImageRecord:
    """Return the record with the tags, metadata keys and file name that it lacks.

    Nothing of it is lost, so that uploads with other values leave the same record, however often
    and in which order they are repeated: values and the name stay. The other name is kept beside
    it as long as there is room.

    Raises:
        Unprocessable: The record would exceed the limits on uploads.
    """
    # The record's values win.
    metadata = {**uploaded.metadata, **record.metadata}
    change = Change(add_tags=list(uploaded.tags), set_metadata=metadata)
    return _with_name(changed(record, change), uploaded.filename)


def replaced(record: ImageRecord, uploaded: Uploaded) -> ImageRecord:
    """Return the record with the tags, metadata and name of the upload.

    The name that it had is kept as an earlier one.

    Raises:
        Unprocessable: The record would exceed the limits on uploads.
    """
    change = Change(
        filename=uploaded.filename,
        add_tags=list(uploaded.tags),
        remove_tags=[tag for tag in record.tags if tag not in uploaded.tags],
        set_metadata=dict(uploaded.metadata),
        unset_metadata=[key for key in record.metadata if key not in uploaded.metadata],
    )
    return changed(record, change)


def _with_name(record: ImageRecord, filename: str | None) -> ImageRecord:
    if filename is None or filename in (record.filename, *record.earlier_filenames):
        return record
    names = [*record.earlier_filenames, filename]
    return record.model_copy(update={"earlier_filenames": names}) if fits(names) else record
