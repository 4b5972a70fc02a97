"""A repository in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from common.blobs.disk_errors import disk_errors, require_folder
from common.blobs.incoming import Incoming
from common.blobs.incoming_file import IncomingFile
from common.errors import BackupRefused

# The folder, as the subject of a sentence.
_PLACE = "The folder of the backups"
# There is no such object, also if what should be the folder is a file.
_ABSENT = (FileNotFoundError, NotADirectoryError)


class FolderRepository:
    """Keeps each object in a file, which is complete when it gets its name.

    Args:
        root: The folder; ``prepare`` creates it.
    """

    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = root
        self._incoming = Incoming(root / "incoming")

    def prepare(self, *, writes: bool) -> None:
        """Create the folder, and remove what killed backups left half written.

        Raises:
            BackupRefused: No folder can have this name.
        """
        if not writes:
            return
        with disk_errors(_PLACE), require_folder(_PLACE):
            self._create()
            self._incoming.sweep()

    def put(self, name: str, data: bytes) -> None:
        """Write a file beside its place, and move it there."""
        target = self._root / name
        file = IncomingFile(self._incoming, _PLACE)
        try:
            file.write(data)
            file.seal()
            with disk_errors(_PLACE), require_folder(_PLACE):
                target.parent.mkdir(parents=True, exist_ok=True)
                file.path.replace(target)
        finally:
            file.discard()

    def get(self, name: str) -> bytes | None:
        """Return a file's bytes."""
        with disk_errors(_PLACE), suppress(*_ABSENT):
            return (self._root / name).read_bytes()
        return None

    def names(self, folder: str) -> Iterator[str]:
        """Iterate over the files of a folder that are not empty."""
        with disk_errors(_PLACE), suppress(*_ABSENT), os.scandir(self._root / folder) as d:
            for entry in d:
                if entry.stat().st_size:
                    yield entry.name

    def flush(self) -> None:
        """Write everything to the disk: one call for thousands of files."""
        os.sync()

    def _create(self) -> None:
        try:
            # Keys' digests and all pictures are in it.
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise BackupRefused(
                f"No folder {self.where} can be created: {error.strerror}. Name another."
            ) from error
