"""Archives on disk, whose members the server takes as pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cli.pictures import name_of
from glimpse_client.sources import archive_type


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to send as it is."""

    path: Path
    name: str

    @property
    def files(self) -> int:
        """How many files a request carries that carries this."""
        return 1


def divide(paths: Iterable[Path]) -> tuple[list[Archive], list[Path]]:
    """Tell archives from everything else, by their names.

    An archive is sent only where it is given by name. In a folder it is left
    out, as whatever does not look like a picture is.
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
