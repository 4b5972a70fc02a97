"""Finds the picture files to upload and their names."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
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


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files of a folder are uploaded; notes those that are not.

    Args:
        exclude: Patterns of the shell for names and paths of files and folders to skip.
        on_skipped: Called with the path of each file or folder skipped, hidden ones excepted.
    """

    exclude: Sequence[str] = ()
    on_skipped: Callable[[str], None] = lambda _: None
    # The number of files by suffix, of system folders by name, and of what was excluded.
    skipped: Counter[str] = field(default_factory=Counter)

    def enters(self, folder: Path) -> bool:
        """Return whether a folder is searched."""
        if folder.name.startswith("."):
            return False
        if folder.name in SYSTEM_FOLDERS:
            return self._skip(folder, f"{folder.name}/")
        return not self.excludes(folder) or self._skip(folder, "excluded")

    def takes(self, file: Path) -> bool:
        """Return whether a file is uploaded."""
        if file.name.startswith("."):
            return False
        if not names_a_picture(file.name):
            return self._skip(file, posixpath.splitext(file.name)[1].lower() or file.name)
        return not self.excludes(file) or self._skip(file, "excluded")

    def excludes(self, path: Path) -> bool:
        """Return whether a pattern matches a path, or the name at its end."""
        return any(
            fnmatch(path.name, pattern) or fnmatch(str(path), pattern) for pattern in self.exclude
        )

    def finds(self, relative: Path) -> bool:
        """Return whether a search of a folder finds the file at this relative path."""
        quiet = Choice(self.exclude)
        return all(map(quiet.enters, list(relative.parents)[:-1])) and quiet.takes(relative)

    def _skip(self, path: Path, kind: str) -> bool:
        self.skipped[kind] += 1
        self.on_skipped(str(path))
        return False


def find_pictures(
    paths: Iterable[Path], unreadable: list[Unreadable], choice: Choice | None = None
) -> Iterator[Picture]:
    """Yield the files given, and in folders all files with the suffix of a picture.

    Hidden files and folders inside a folder are skipped, and no file is returned
    twice. Links to folders are followed, but no folder is read twice. Folders are read
    lazily, so that a million files are never in memory at once.

    Args:
        paths: Files and folders.
        unreadable: Receives the folders that cannot be read.
        choice: Decides which files in folders are pictures to upload.
    """
    choice = choice or Choice()
    searched = _Searched(choice)
    for path in paths:
        # Do not resolve symbolic links, so that they keep their names; only remove `..`.
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`
        is_folder = absolute.is_dir()
        for file in _in_folder(absolute, unreadable, choice) if is_folder else [absolute]:
            if file not in searched:
                yield Picture(file, name_of(file, absolute.parent))
        searched.add(absolute, is_folder)


def name_of(file: Path, base: Path) -> str:
    """Return a file's path relative to a folder as valid UTF-8; bytes on disk may be anything."""
    return os.fsencode(file.relative_to(base).as_posix()).decode(errors="replace")


class _Searched:
    """The paths searched so far; contains the files found in them."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._files: set[Path] = set()
        self._folders: set[Path] = set()

    def add(self, path: Path, is_folder: bool) -> None:
        (self._folders if is_folder else self._files).add(path)

    def __contains__(self, file: Path) -> bool:
        if file in self._files:
            return True
        return bool(self._folders) and any(
            folder in self._folders and self._choice.finds(file.relative_to(folder))
            for folder in file.parents
        )


def _in_folder(folder: Path, unreadable: list[Unreadable], choice: Choice) -> Iterator[Path]:
    def record(error: OSError) -> None:
        name = name_of(Path(error.filename), folder.parent)
        unreadable.append(Unreadable(name, error.strerror or str(error)))

    entered: set[tuple[int, int]] = set()
    for parent, folders, files in os.walk(folder, onerror=record, followlinks=True):
        if not _enters(parent, entered):
            folders.clear()
            continue
        # Modify the list in place: os.walk then skips these folders and sorts the others.
        inside = Path(parent).relative_to(folder)
        folders[:] = [name for name in sorted(folders) if choice.enters(inside / name)]
        for name in sorted(files):
            if choice.takes(inside / name):
                yield Path(parent, name)


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
