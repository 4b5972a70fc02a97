"""``python -m benchmarks.store``: measure a Milvus and report the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import options
from benchmarks.report import Report
from benchmarks.store import consistency, filters, pages, recall, search
from benchmarks.store.rows import rows, write
from benchmarks.store.servers import LITE, SERVERS, new_collection, new_store, served
from worker.stores.milvus.store import MilvusStore

_PARTS = ("search", "filters", "pages", "recall", "consistency")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        rows: Rows for measuring searches and consistency.
        searches: Repetitions of each search.
        images: Rows for measuring filters, pages and recall.
        reads: Repetitions of each page, and of each search per consistency level.
        hits: Hits of a large search.
    """

    rows: int = 10_000
    searches: int = 200
    images: int = 100_000
    reads: int = 50
    hits: int = 1000


_QUICK = Sizes(rows=200, searches=5, images=1100, reads=3, hits=50)


@dataclass(frozen=True, slots=True)
class Measures:
    """The measurements of one server.

    Attributes:
        uri: Address of the server.
        is_lite: Whether it is Milvus Lite.
        sizes: Sizes of the measurements.
        report: Receives the figures.
    """

    uri: str
    is_lite: bool
    sizes: Sizes
    report: Report

    def search(self) -> None:
        """Measure searches against brute force."""
        with self._store(search.DIM) as (_, store):
            found = search.measure(store, self.sizes.rows, self.sizes.searches)
        self.report.add("search", search.figures(found, self.is_lite), found)

    def filters(self) -> None:
        """Measure searches with filters."""
        with self._store(filters.DIM) as (_, store):
            found = filters.measure(store, self.sizes.images, self.sizes.reads)
        self.report.add("filters", filters.figures(found), found)

    def pages(self) -> None:
        """Measure lists of images."""
        with self._store(pages.DIM) as (_, store):
            found = pages.measure(store, self.sizes.images, self.sizes.reads)
        self.report.add("pages", pages.figures(found), found)

    def recall(self) -> None:
        """Measure recall on picture-like vectors, and on a server on random ones, the hardest case.

        Milvus Lite compares every row, whatever the vectors.
        """
        for kind in recall.KINDS[:1] if self.is_lite else recall.KINDS:
            vectors = recall.vectors_of(kind, self.sizes.images, seed=1)
            queries = recall.vectors_of(kind, self.sizes.searches, seed=7)
            with self._store(recall.DIM) as (name, store):
                write(store, rows(vectors))
                if not self.is_lite:
                    recall.indexed(self.uri, name)
                found = recall.measure(store, vectors, queries, self.sizes.hits)
            self.report.add(f"recall, {kind}", recall.figures(kind, found), found)

    def consistency(self) -> None:
        """Measure the consistency levels, which Milvus Lite lacks."""
        if self.is_lite:
            return
        with new_collection(self.uri) as name:
            found = consistency.measure(self.uri, name, self.sizes.rows, self.sizes.reads)
        self.report.add("consistency", consistency.figures(found), found)

    @contextmanager
    def _store(self, dim: int) -> Iterator[tuple[str, MilvusStore]]:
        with new_collection(self.uri) as name, new_store(self.uri, name, dim) as store:
            yield name, store


@click.command()
@click.option("--server", type=click.Choice(list(SERVERS)), default=LITE, show_default=True)
@click.option("--uri", help="Use this running server instead of starting one.")
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Measure only this part.")
@options.QUICK
@options.JSON
def main(
    server: str, uri: str | None, only: tuple[str, ...], quick: bool, out: Path | None
) -> None:
    """Measure searches, filters, lists of images, recall and consistency levels of a Milvus."""
    sizes = _QUICK if quick else Sizes()
    report = Report({"server": server, **asdict(sizes)})
    with served(server, uri) as address:
        measures = Measures(address, server == LITE, sizes, report)
        runs: dict[str, Callable[[], None]] = {
            "search": measures.search,
            "filters": measures.filters,
            "pages": measures.pages,
            "recall": measures.recall,
            "consistency": measures.consistency,
        }
        for part in only or _PARTS:
            runs[part]()
    report.write(out)


if __name__ == "__main__":
    main()
