"""Archives of pictures, which the server unpacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cli.pictures import name_of
from glimpse_client.sources import archive_type


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to upload unchanged."""

    path: Path
    name: str

    @property
    def files(self) -> int:
        """The number of files in the request."""
        return 1


def divide(paths: Iterable[Path]) -> tuple[list[Archive], list[Path]]:
    """Divide paths into archives and others, by their suffixes.

    Archives are uploaded only if named explicitly. Inside a folder they are
    skipped, like all files without a picture's suffix.
    """
    archives: dict[Path, Archive] = {}
    others = []
    for path in paths:
        if path.is_dir() or archive_type(path.name) is None:
            others.append(path)
        else:
            absolute = path.absolute()
            archives[absolute] = Archive(absolute, name_of(absolute, absolute.parent))
    return list(archives.values()), others
