"""Pictures on disk: which files to send, under which names, and how many at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.filenames import names_a_picture

# Pictures, and bytes of them, in one request at most; a larger picture goes alone.
# Small enough that little is sent again after a broken connection.
_REQUEST_PICTURES, _REQUEST_BYTES = 100, 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to send."""

    path: Path
    # The name it is kept under: from the given folder's own name on, with slashes.
    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be sent."""

    picture: Picture
    # What the system says, in a few words.
    reason: str


def find_pictures(paths: Iterable[Path]) -> list[Picture]:
    """Find what to send: each file given, and in folders whatever looks like a picture.

    Hidden files and folders inside a folder are left out, and no file comes twice.
    """
    found: dict[Path, Picture] = {}
    for path in paths:
        # Not resolved: a link keeps its own name, and `..` goes.
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`
        files = _in_folder(absolute) if absolute.is_dir() else iter([absolute])
        for file in files:
            found.setdefault(file, Picture(file, _name(file, absolute.parent)))
    return list(found.values())


def requests(
    pictures: Sequence[Picture], unreadable: list[Unreadable]
) -> Iterator[tuple[Picture, ...]]:
    """Divide pictures into requests of bounded size.

    Args:
        pictures: What to send.
        unreadable: Takes the files that turn out to be unreadable.
    """
    batch: list[Picture] = []
    size = 0
    for picture in pictures:
        try:
            with picture.path.open("rb") as file:
                length = os.fstat(file.fileno()).st_size
        except OSError as error:
            unreadable.append(Unreadable(picture, error.strerror or str(error)))
            continue
        if batch and (len(batch) == _REQUEST_PICTURES or size + length > _REQUEST_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(picture)
        size += length
    if batch:
        yield tuple(batch)


def _in_folder(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        # In place, so that the walk leaves out hidden folders and has an order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and names_a_picture(name):
                yield Path(parent, name)


def _name(file: Path, base: Path) -> str:
    # A name on disk may be no UTF-8; what goes over the wire is.
    return os.fsencode(file.relative_to(base).as_posix()).decode(errors="replace")
