"""Applies an upload to the record of an image that is already indexed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

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


def adds_name(names: Sequence[str], filename: str) -> bool:
    """Return whether merging an upload with a file name would add it to an image's.

    Args:
        names: All names of the image, the current one first.
        filename: The upload's, as stores keep it; empty if it was uploaded without one.
    """
    return filename not in ("", *names) and fits([*names[1:], filename])


def is_renamed(names: Sequence[str], filename: str) -> bool:
    """Return whether an image's file has a new name in its folder, for which there is room.

    A file that was only moved to another folder is not renamed: every file of a folder would be,
    if the folder is uploaded by another path.

    Args:
        names: All names of the image, the current one first.
        filename: The file's path, as stores keep it.
    """
    return adds_name(names, filename) and basename(filename) not in map(basename, names)


def _with_name(record: ImageRecord, filename: str | None) -> ImageRecord:
    names = [record.filename, *record.earlier_filenames]
    if filename is None or not adds_name(names, filename):
        return record
    return record.model_copy(update={"earlier_filenames": [*names[1:], filename]})
