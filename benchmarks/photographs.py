"""Photographs to upload: those of a folder, and as many distinct copies as are asked for."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Number of the first picture of a warm-up, so high that no measure counts up to it.
WARM_UP_FIRST = 10**9


@dataclass(frozen=True, slots=True)
class Photographs:
    """An endless row of pictures, known by number: the photographs, then copies of them.

    A copy is the same picture under other bytes: its number stands behind the JPEG's end
    marker, where no decoder looks.

    Attributes:
        names: Folder name and file name of each photograph.
        contents: The bytes of each photograph.
    """

    names: list[str]
    contents: list[bytes]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read every JPEG one level below a folder.

        Raises:
            FileNotFoundError: There is none.
        """
        paths = paths_in(folder)
        return cls(
            [f"{path.parent.name}/{path.name}" for path in paths],
            [path.read_bytes() for path in paths],
        )

    def __len__(self) -> int:
        """Return how many photographs there are; pictures from this number on are copies."""
        return len(self.names)

    def name(self, number: int) -> str:
        """Return the file name of a picture."""
        copy, at = divmod(number, len(self))
        return f"copy {copy}/{self.names[at]}" if copy else self.names[at]

    def content(self, number: int) -> bytes:
        """Return the bytes of a picture, unlike those of any other."""
        copy, at = divmod(number, len(self))
        return self.contents[at] + copy.to_bytes(8) if copy else self.contents[at]

    def ids(self, first: int, count: int) -> Iterator[str]:
        """Give the image ids of pictures, each once: two photographs may be the same file."""
        numbers = range(first, first + count)
        digests = (hashlib.sha256(self.content(number)).hexdigest() for number in numbers)
        yield from dict.fromkeys(digests)


def paths_in(folder: Path) -> list[Path]:
    """Return every JPEG one level below a folder, sorted.

    Raises:
        FileNotFoundError: There is none.
    """
    paths = sorted(itertools.chain(folder.glob("*/*.jpg"), folder.glob("*/*.jpeg")))
    if not paths:
        raise FileNotFoundError(f"There are no JPEGs one level below {folder}.")
    return paths
