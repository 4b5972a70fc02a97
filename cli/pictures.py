"""Pictures on disk: which files to send, and under which names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.images.filenames import names_a_picture


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to send."""

    path: Path
    # The name it is kept under: from the given folder's own name on, with slashes.
    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be sent, or a folder that cannot be searched."""

    name: str
    # What the system says, in a few words.
    reason: str


def find_pictures(paths: Iterable[Path], unreadable: list[Unreadable]) -> Iterator[Picture]:
    """Find what to send: each file given, and in folders whatever looks like a picture.

    Hidden files and folders inside a folder are left out, and no file comes
    twice. One folder after the other is read when its turn comes, so that a
    million files are never in memory at once.

    Args:
        paths: Files and folders.
        unreadable: Takes the folders that turn out to be unreadable.
    """
    given = _Given()
    for path in paths:
        # Not resolved: a link keeps its own name, and `..` goes.
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`
        is_folder = absolute.is_dir()
        for file in _in_folder(absolute, unreadable) if is_folder else [absolute]:
            if not given.has(file):
                yield Picture(file, name_of(file, absolute.parent))
        given.add(absolute, is_folder)


def name_of(file: Path, base: Path) -> str:
    """Return a file's name from a folder on, fit for the wire: on disk it may be no UTF-8."""
    return os.fsencode(file.relative_to(base).as_posix()).decode(errors="replace")


class _Given:
    """The paths that were gone through: they tell which files were found before."""

    def __init__(self) -> None:
        self._files: set[Path] = set()
        self._folders: set[Path] = set()

    def add(self, path: Path, is_folder: bool) -> None:
        (self._folders if is_folder else self._files).add(path)

    def has(self, file: Path) -> bool:
        if file in self._files:
            return True
        return bool(self._folders) and any(
            folder in self._folders and _is_found(file.relative_to(folder))
            for folder in file.parents
        )


def _in_folder(folder: Path, unreadable: list[Unreadable]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        name = name_of(Path(error.filename), folder.parent)
        unreadable.append(Unreadable(name, error.strerror or str(error)))

    for parent, folders, files in os.walk(folder, onerror=note):
        # In place, so that the walk leaves out hidden folders and has an order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if _is_shown(name):
                yield Path(parent, name)


def _is_found(relative: Path) -> bool:
    """Tell whether the search of a folder comes to a file in it."""
    hidden = any(name.startswith(".") for name in relative.parts)
    return not hidden and _is_shown(relative.name)


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and names_a_picture(name)
