"""Photographs to upload: those of a folder, and as many distinct copies as needed."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click
from PIL import Image

# Number of a warm-up's first picture, higher than any measurement reaches.
WARM_UP_FIRST = 10**9
# Colours of generated pictures, which also name their folders, and pictures per colour.
_COLOURS, _OF_EACH = ("red", "green", "blue"), 8


@dataclass(frozen=True, slots=True)
class Photographs:
    """An endless, numbered sequence of pictures: the photographs, then copies of them.

    A copy is the same picture with different bytes: its number follows the JPEG's end marker,
    where decoders ignore it.

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
            FileNotFoundError: The folder has no JPEGs.
        """
        paths = paths_in(folder)
        return cls(
            [f"{path.parent.name}/{path.name}" for path in paths],
            [path.read_bytes() for path in paths],
        )

    def __len__(self) -> int:
        """Return the number of photographs; pictures from this number on are copies."""
        return len(self.names)

    def name(self, number: int) -> str:
        """Return the file name of a picture."""
        copy, at = divmod(number, len(self))
        return f"copy {copy}/{self.names[at]}" if copy else self.names[at]

    def content(self, number: int) -> bytes:
        """Return the bytes of a picture, which no other picture shares."""
        copy, at = divmod(number, len(self))
        return self.contents[at] + copy.to_bytes(8) if copy else self.contents[at]

    def ids(self, first: int, count: int) -> Iterator[str]:
        """Yield the image ids of pictures, each once: two photographs may be the same file."""
        numbers = range(first, first + count)
        digests = (hashlib.sha256(self.content(number)).hexdigest() for number in numbers)
        yield from dict.fromkeys(digests)


def paths_in(folder: Path) -> list[Path]:
    """Return every JPEG one level below a folder, sorted.

    Raises:
        FileNotFoundError: The folder has no JPEGs.
    """
    paths = sorted(itertools.chain(folder.glob("*/*.jpg"), folder.glob("*/*.jpeg")))
    if not paths:
        raise FileNotFoundError(f"There are no JPEGs one level below {folder}.")
    return paths


@contextmanager
def chosen(photos: Path | None, quick: bool) -> Iterator[Path]:
    """Yield the folder to measure with; a quick run uses a few of its pictures or generated ones.

    Raises:
        click.UsageError: No folder was given and the run is not quick.
    """
    if photos is None and not quick:
        raise click.UsageError("This benchmark needs photographs: name their folder with PHOTOS=.")
    if photos is not None and not quick:
        yield photos
        return
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder)
        if photos is None:
            _generate(few)
        else:
            _link(photos, few)
        yield few


def _generate(folder: Path) -> None:
    for colour in _COLOURS:
        (folder / colour).mkdir()
        for number in range(_OF_EACH):
            picture = Image.new("RGB", (300 + number, 240), colour)
            picture.save(folder / colour / f"{number}.jpg")


def _link(photos: Path, folder: Path) -> None:
    for path in paths_in(photos)[: len(_COLOURS) * _OF_EACH]:
        link = folder / path.parent.name / path.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(path.absolute())
