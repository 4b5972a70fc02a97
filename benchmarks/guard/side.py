"""One side of the comparison: a tree, and a whole service that runs its code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from benchmarks.guard.tree import NotMeasured, Tree
from benchmarks.ingest.client import Client, multipart, upload
from benchmarks.photographs import Photographs
from benchmarks.stack import FreeWorker, WatchedStack
from common.settings import PREFIX
from tests.support.services import ServiceNotStarted
from tests.support.services.glimpse import GlimpseProcess

# Picture and sentence numbers of a sample begin this far from those of the sample before.
_APART = 10_000


class Side:
    """A running service of one tree.

    Args:
        tree: The code.
        folder: Data folder of the service.
        pictures: Folder of the pictures that are uploaded.
        settings: Names of the settings that both trees know; it gets no other.

    Attributes:
        job: Path of a job that has ended.
    """

    job: str

    def __init__(self, tree: Tree, folder: Path, pictures: Path, settings: Iterable[str]) -> None:
        self.tree = tree
        self.pictures = pictures
        self._photographs = Photographs.read(pictures)
        self._stack = WatchedStack(folder, {}, pictures, FreeWorker)
        known = {f"{PREFIX}{name.upper()}" for name in settings}
        for part in (self._stack.api, self._stack.search_worker, self._stack.ingest_worker):
            _run_from(part, tree, known)

    def __enter__(self) -> Self:
        """Start the service, and ingest the pictures.

        Raises:
            NotMeasured: A part of it does not start.
        """
        try:
            self._stack.__enter__()
        except ServiceNotStarted as error:
            raise NotMeasured(f"{self.tree.name} does not start: {error}") from error
        self._stack.warm_up()
        pictures = range(len(self._photographs))
        self.job = Client(self.url).post(multipart(self._photographs, pictures))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.stop()

    @property
    def url(self) -> str:
        """Base URL of the service."""
        return self._stack.api.url

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds of each part so far."""
        return {name: session.cpu_s() for name, session in self._stack.sessions().items()}

    def ingest(self, sample: int, count: int) -> None:
        """Upload pictures that no other sample uploads, and wait until they are searchable."""
        upload(self.url, self._photographs, (1 + sample) * _APART, count)


def _run_from(part: GlimpseProcess, tree: Tree, known: set[str]) -> None:
    """Let a part run a tree's code, as a program: what it might be forked from has other code."""
    part.root, part.python, part.forked_from = tree.folder, tree.python, None
    part.settings = {name: value for name, value in part.settings.items() if name in known}
