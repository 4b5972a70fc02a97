"""Archives of pictures, which the server unpacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cli.bulk.pictures import name_of
from common.images.archive_formats import (
    ARCHIVE_HEAD_BYTES,
    ARCHIVE_TAIL_BYTES,
    MEDIA_TYPES,
    begins_an_archive,
    ends_as_zip,
    is_foreign_archive,
)
from common.images.filenames import names_a_picture
from glimpse_client.sources import archive_type


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to upload unchanged."""

    path: Path
    name: str
    media_type: str

    @property
    def files(self) -> int:
        """The number of files in the request."""
        return 1


def divide(paths: Iterable[Path]) -> tuple[list[Archive], list[Path]]:
    """Divide paths into archives and others.

    A file is an archive if its suffix says so, or if its content does and its suffix
    is not that of a picture. Archives are uploaded only if named explicitly. Inside a
    folder they are skipped, like all files without a picture's suffix.
    """
    archives: dict[Path, Archive] = {}
    others = []
    for path in paths:
        media_type = None if path.is_dir() else _media_type(path)
        if media_type is None:
            others.append(path)
        else:
            absolute = path.absolute()
            name = name_of(absolute, absolute.parent)
            archives[absolute] = Archive(absolute, name, media_type)
    return list(archives.values()), others


def _media_type(path: Path) -> str | None:
    """Return the media type of an archive; None for another file."""
    by_suffix = archive_type(path.name)
    # Only a regular file can be read twice.
    if by_suffix is not None or names_a_picture(path.name) or not path.is_file():
        return by_suffix
    try:
        head, tail = _ends(path)
    except OSError:
        # Reported when it is uploaded.
        return None
    kind = begins_an_archive(head)
    if kind is not None:
        return MEDIA_TYPES[kind][0]
    # The server refuses a foreign archive by name.
    return MEDIA_TYPES["zip"][0] if is_foreign_archive(head) or ends_as_zip(tail) else None


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Return a file's first and last bytes."""
    with path.open("rb") as file:
        head = file.read(ARCHIVE_HEAD_BYTES)
        file.seek(max(0, file.seek(0, 2) - ARCHIVE_TAIL_BYTES))
        return head, file.read()
