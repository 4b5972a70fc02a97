"""What is measured of each contestant, and the photographs for it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import click

from benchmarks.peers.peer import Setting
from benchmarks.photographs import paths_in
from benchmarks.search.sentences import sentence


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        warm_up: Pictures before those that are timed: enough for a batch of each size.
        tried: Pictures per setting that is tried.
        ingested: Pictures of the ingest that is timed.
        beside: Pictures of the ingest beside searches.
        kept_busy: Pictures that Glimpse gets instead: more than it ingests during the searches.
        killed: Pictures handed over to a process that is killed after half of them.
        searches: Searches of an idle contestant in a turn.
    """

    warm_up: int = 64
    tried: int = 96
    ingested: int = 400
    beside: int = 200
    kept_busy: int = 1500
    killed: int = 200
    searches: int = 100

    @property
    def pictures(self) -> int:
        """Different pictures that are needed."""
        return self.ingested + 1 + self.warm_up + self.beside + self.killed


@dataclass(frozen=True, slots=True)
class Albums:
    """Folders of photographs; none but ``tried`` shares pictures with another.

    Attributes:
        one: A single picture.
        warm_up: Pictures before those that are timed.
        tried: Pictures for settings that are tried; among those of ``ingested``.
        ingested: Pictures of the ingest that is timed: the first of all.
        beside: Pictures of the ingest beside searches.
        killed: Pictures of the ingest that is killed.
    """

    one: Path
    warm_up: Path
    tried: Path
    ingested: Path
    beside: Path
    killed: Path

    @classmethod
    def copy(cls, photos: Path, folder: Path, sizes: Sizes) -> Albums:
        """Copy photographs into folders of their own.

        Raises:
            click.UsageError: There are fewer photographs than the sizes need.
        """
        paths = paths_in(photos)
        if len(paths) < sizes.pictures:
            raise click.UsageError(f"This benchmark needs {sizes.pictures} photographs.")
        rest = iter(paths)
        counts = {
            "ingested": sizes.ingested,
            "one": 1,
            "warm_up": sizes.warm_up,
            "beside": sizes.beside,
            "killed": sizes.killed,
        }
        parts = {name: list(islice(rest, count)) for name, count in counts.items()}
        parts["tried"] = paths[: sizes.tried]
        return cls(**{name: _copied(part, folder / name) for name, part in parts.items()})


def _copied(paths: list[Path], folder: Path) -> Path:
    for path in paths:
        copy = folder / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return folder


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that was tried.

    Attributes:
        setting: The setting.
        images_per_s: Rate from the files to searchable, of a warm process.
    """

    setting: Setting
    images_per_s: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One contestant's figures of one round.

    Attributes:
        cold_start_s: Seconds from the start of its processes until a picture is embedded.
        images_per_s: Rate from the files to searchable.
        idle_ms: Milliseconds of each search while nothing else happens.
        beside_ms: Milliseconds of each search while it ingests.
        peak_mib: Peak memory of its processes, with the store's.
        others_cores: Cores that other programs used.
    """

    cold_start_s: float
    images_per_s: float
    idle_ms: list[float]
    beside_ms: list[float]
    peak_mib: float
    others_cores: float


@dataclass(frozen=True, slots=True)
class Killed:
    """What is left of an ingest whose process was killed.

    Attributes:
        handed_over: Pictures of the ingest.
        embedded: Pictures that were embedded when it was killed.
        searchable: Pictures that are found after a restart, if nothing is handed over again.
        embedded_again: Pictures that are embedded after the restart until all are searchable.
    """

    handed_over: int
    embedded: int
    searchable: int
    embedded_again: int

    @property
    def lost(self) -> int:
        """Pictures that searches find only after they are handed over again."""
        return self.handed_over - self.searchable

    @property
    def embedded_twice(self) -> int:
        """Pictures whose first embedding was wasted."""
        return max(0, self.embedded + self.embedded_again - self.handed_over)


class Contestant(Protocol):
    """Glimpse or a peer."""

    @property
    def name(self) -> str:
        """Its name in the report."""

    def turn(self) -> Turn:
        """Take the measurements of one round."""

    def killed(self) -> Killed:
        """Kill it during an ingest, and restart it."""


def sentences(count: int) -> list[str]:
    """Return texts to search for."""
    return [sentence(1000 + number) for number in range(count)]
