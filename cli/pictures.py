"""Finds the picture files to upload and their names."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.images.filenames import SYSTEM_FOLDERS, names_a_picture


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to upload."""

    path: Path
    # Its file name on the server: the path from the given folder on, with slashes.
    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that cannot be read."""

    name: str
    # The operating system's message.
    reason: str


def find_pictures(
    paths: Iterable[Path], unreadable: list[Unreadable], skipped: Counter[str] | None = None
) -> Iterator[Picture]:
    """Yield the files given, and in folders all files with the suffix of a picture.

    Hidden files and folders inside a folder are skipped, and no file is returned
    twice. Links to folders are followed, but no folder is read twice. Folders are read
    lazily, so that a million files are never in memory at once.

    Args:
        paths: Files and folders.
        unreadable: Receives the folders that cannot be read.
        skipped: Receives the number of other files by suffix, and of system folders by name.
    """
    searched = _Searched()
    skipped = Counter() if skipped is None else skipped
    for path in paths:
        # Do not resolve symbolic links, so that they keep their names; only remove `..`.
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`
        is_folder = absolute.is_dir()
        for file in _in_folder(absolute, unreadable, skipped) if is_folder else [absolute]:
            if file not in searched:
                yield Picture(file, name_of(file, absolute.parent))
        searched.add(absolute, is_folder)


def name_of(file: Path, base: Path) -> str:
    """Return a file's path relative to a folder as valid UTF-8; bytes on disk may be anything."""
    return os.fsencode(file.relative_to(base).as_posix()).decode(errors="replace")


class _Searched:
    """The paths searched so far; contains the files found in them."""

    def __init__(self) -> None:
        self._files: set[Path] = set()
        self._folders: set[Path] = set()

    def add(self, path: Path, is_folder: bool) -> None:
        (self._folders if is_folder else self._files).add(path)

    def __contains__(self, file: Path) -> bool:
        if file in self._files:
            return True
        return bool(self._folders) and any(
            folder in self._folders and _is_found(file.relative_to(folder))
            for folder in file.parents
        )


def _in_folder(folder: Path, unreadable: list[Unreadable], skipped: Counter[str]) -> Iterator[Path]:
    def record(error: OSError) -> None:
        name = name_of(Path(error.filename), folder.parent)
        unreadable.append(Unreadable(name, error.strerror or str(error)))

    entered: set[tuple[int, int]] = set()
    for parent, folders, files in os.walk(folder, onerror=record, followlinks=True):
        if not _enters(parent, entered):
            folders.clear()
            continue
        skipped.update(f"{name}/" for name in folders if name in SYSTEM_FOLDERS)
        # Modify the list in place: os.walk then skips these folders and sorts the others.
        folders[:] = sorted(name for name in folders if _is_searched(name))
        for name in sorted(files):
            if _is_visible_picture(name):
                yield Path(parent, name)
            elif not name.startswith("."):
                skipped[posixpath.splitext(name)[1].lower() or name] += 1


def _enters(folder: str, entered: set[tuple[int, int]]) -> bool:
    """Note a folder; return whether it is new, since links may lead to it again."""
    try:
        status = Path(folder).stat()
    except OSError:
        # It has been removed since.
        return False
    key = (status.st_dev, status.st_ino)
    is_new = key not in entered
    entered.add(key)
    return is_new


def _is_searched(folder: str) -> bool:
    return not folder.startswith(".") and folder not in SYSTEM_FOLDERS


def _is_found(relative: Path) -> bool:
    """Return whether a search of a folder finds the file at this relative path."""
    return all(map(_is_searched, relative.parts)) and _is_visible_picture(relative.name)


def _is_visible_picture(name: str) -> bool:
    return not name.startswith(".") and names_a_picture(name)
