"""An adapter that keeps nothing but names of pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.adapters.loading import batches
from benchmarks.peers.adapters.served import Embedded, Opening, serve


class Names:
    """The names of pictures, in a file that is written after each batch."""

    def __init__(self, opening: Opening) -> None:
        # Peers print, which must not disturb the replies.
        sys.stdout.write(f"opened {opening.precision}\n")
        sys.stdout.flush()
        self._file = opening.store
        self._file.touch()
        self._batch = opening.batch

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        for paths, names in batches(folder, lambda path: path.name, self._batch):
            if "deadly.jpg" in names:
                os._exit(3)
            embedded(len(paths))
            with self._file.open("a") as file:
                file.writelines(f"{path}\n" for path in paths)

    def search(self, text: str) -> Sequence[str]:
        return [path for path in self._paths() if text in path]

    def searchable(self) -> int:
        return len(self._paths())

    def _paths(self) -> set[str]:
        return set(self._file.read_text().splitlines())


if __name__ == "__main__":
    serve(Names)
