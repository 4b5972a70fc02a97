"""Archives on disk, whose members the server takes as pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cli.pictures import name_of

# Media type of an archive, by the end of its name.
_MEDIA_TYPES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive to send as it is."""

    path: Path
    name: str
    media_type: str

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
        media_type = _media_type(path)
        if media_type is None:
            others.append(path)
        else:
            absolute = path.absolute()
            name = name_of(absolute, absolute.parent)
            archives[absolute] = Archive(absolute, name, media_type)
    return list(archives.values()), others


def _media_type(path: Path) -> str | None:
    name = path.name.lower()
    kinds = (kind for end, kind in _MEDIA_TYPES.items() if name.endswith(end))
    return None if path.is_dir() else next(kinds, None)
