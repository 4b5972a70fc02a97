"""The measurements of a peer, in processes of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers.adapter_process import AdapterProcess
from benchmarks.peers.checkpoints import Checkpoints
from benchmarks.peers.peer import Peer, Setting
from benchmarks.peers.turns import Albums, Killed, Sizes, Tried, Turn, sentences
from benchmarks.process_usage import Others, Session
from tests.support.services import MilvusLite


class ForeignPeer:
    """One peer, at its best setting.

    Args:
        peer: The peer.
        python: The Python of its environment.
        checkpoints: The model.
        albums: The photographs.
        sizes: How many of them, and of searches.
    """

    def __init__(
        self, peer: Peer, python: Path, checkpoints: Checkpoints, albums: Albums, sizes: Sizes
    ) -> None:
        self.name = peer.name
        self.setting = peer.settings[0]
        self._peer = peer
        self._python = python
        self._checkpoints = checkpoints
        self._albums = albums
        self._sizes = sizes

    def choose(self) -> list[Tried]:
        """Try every setting in one process, and keep the fastest; a single one is not tried."""
        if len(self._peer.settings) == 1:
            return []
        with self._place() as place, self._process(place) as process:
            tried = [self._try(place, process, one) for one in self._peer.settings]
        self.setting = max(tried, key=lambda one: one.images_per_s).setting
        return tried

    def _try(self, place: _Place, process: AdapterProcess, setting: Setting) -> Tried:
        store = place.folder / str(setting)
        process.open(self._checkpoints.folder, store, place.milvus.uri, setting)
        process.ingest(self._albums.warm_up)
        done = process.ingest(self._albums.tried)
        return Tried(setting, done["embedded"] / done["seconds"])

    def turn(self) -> Turn:
        """Take the measurements of one round, in a new process on an empty store."""
        others = Others()
        with self._place() as place:
            begun = time.perf_counter()
            with self._process(place) as process:
                self._open(place, process)
                process.ingest(self._albums.one)
                cold_s = time.perf_counter() - begun
                process.ingest(self._albums.warm_up)
                done = process.ingest(self._albums.ingested)
                # The first searches of a process are slow.
                process.search(sentences(5))
                idle = process.search(sentences(self._sizes.searches))
                beside = process.ingest(self._albums.beside, sentences(self._sizes.searches))
                peak = process.peak_mib() + Session(place.milvus.pid).peak_rss_mib()
        rate = done["embedded"] / done["seconds"]
        return Turn(cold_s, rate, idle, beside["ms"], peak, others.cores())

    def killed(self) -> Killed:
        """Kill it in the middle of an ingest, open its store again, and run it again."""
        count, album = self._sizes.killed, self._albums.killed
        with self._place() as place:
            with self._process(place) as process:
                self._open(place, process)
                embedded = process.kill_while_ingesting(album, count // 2)
            with self._process(place) as process:
                self._open(place, process)
                searchable = process.searchable()
                again = process.ingest(album)["embedded"]
        return Killed(count, embedded, searchable, again)

    def _open(self, place: _Place, process: AdapterProcess) -> None:
        process.open(
            self._checkpoints.folder, place.folder / "store", place.milvus.uri, self.setting
        )

    def _process(self, place: _Place) -> AdapterProcess:
        module = f"benchmarks.peers.adapters.{self._peer.adapter}"
        return AdapterProcess(self._python, module, place.folder / "output.log")

    @contextmanager
    def _place(self) -> Iterator[_Place]:
        with TemporaryDirectory() as made, MilvusLite(Path(made) / "milvus") as milvus:
            yield _Place(Path(made), milvus)


@dataclass(frozen=True, slots=True)
class _Place:
    """An empty folder and an empty Milvus."""

    folder: Path
    milvus: MilvusLite
