"""How long a search takes in the vector store, rows that were just written included.

    python -m benchmarks.store_search --rows 10000 --json out.json

Without ``--uri`` it starts Milvus Lite, the embedded default, on a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from benchmarks.milvus import new_collection, new_store, served
from benchmarks.report import JSON_OPTION, write_json
from common.contract import DEFAULT_TENANT, ImageRecord
from common.rfc3339 import rfc3339
from worker.stores.base import Row, VectorStore

# Longest median that the embedded default may show at 10,000 rows, in milliseconds.
BOUND_MS = 15.0
# Hits of a search, as a caller gets them by default.
TOP_K = 10
# Rows of one write, as many as an ingest worker's batch has.
BATCH = 32
# Rows that are written right before a search in the second measure.
FRESH = 100
# Searches of each measure.
SEARCHES = 200

# Packages whose version can change a figure.
PACKAGES = ("grpcio", "milvus-lite", "numpy", "pymilvus")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Latency:
    """Times of repeated calls, in milliseconds."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Sum up times given in seconds."""
        ms = np.array(seconds) * 1000
        return cls(round(float(np.median(ms)), 2), round(float(np.percentile(ms, 95)), 2))


def random_units(count: int, dim: int, seed: int) -> Vectors:
    """Return unit vectors, float32 [count, dim]: the hardest case for an index, none for a scan."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def rows(vectors: Vectors, first: int) -> list[Row]:
    """Make rows of vectors; the ids count on from ``first``."""
    return [
        Row(DEFAULT_TENANT, _record(first + at), vector, "benchmark")
        for at, vector in enumerate(vectors)
    ]


def _record(number: int) -> ImageRecord:
    return ImageRecord(
        id=f"{number:064x}",
        filename=f"photographs/album {number // 100}/picture {number}.jpg",
        bytes=100_000,
        width=640,
        height=480,
        format="JPEG",
        tags=["holiday", "sea"],
        indexed_at=rfc3339(time.time()),
    )


def write(store: VectorStore, batch: Sequence[Row]) -> float:
    """Write rows as an ingest worker does; return the rows per second."""
    begun = time.perf_counter()
    for start in range(0, len(batch), BATCH):
        store.upsert(batch[start : start + BATCH])
    return len(batch) / (time.perf_counter() - begun)


def searched(store: VectorStore, queries: Vectors) -> Latency:
    """Time one search for each query."""
    return Latency.of([_timed(store.search, DEFAULT_TENANT, query, TOP_K) for query in queries])


def searched_fresh(store: VectorStore, queries: Vectors, fresh: Sequence[Row]) -> Latency:
    """Time searches, each right after the newest rows were written, one of which it must find.

    Raises:
        RuntimeError: A row that was just written is not found.
    """
    seconds = []
    for at, query in enumerate(queries):
        store.upsert(fresh)
        seconds.append(_timed(store.search, DEFAULT_TENANT, query, TOP_K))
        newest = fresh[at % len(fresh)]
        if store.search(DEFAULT_TENANT, newest.vector, 1)[0].id != newest.record.id:
            raise RuntimeError("A row that was just written is not found.")
    return Latency.of(seconds)


def scanned(vectors: Vectors, queries: Vectors) -> Latency:
    """Time the same searches by brute force over one numpy array in this process."""
    return Latency.of([_timed(_nearest, vectors, query) for query in queries])


def _nearest(vectors: Vectors, query: Vectors) -> NDArray[np.intp]:
    scores = vectors @ query  # [rows]
    best = np.argpartition(-scores, TOP_K)[:TOP_K]
    return best[np.argsort(-scores[best])]


def _timed(call: Callable[..., object], *args: object) -> float:
    begun = time.perf_counter()
    call(*args)
    return time.perf_counter() - begun


def measure(store: VectorStore, count: int, dim: int) -> dict[str, Any]:
    """Fill an empty store and run every measure."""
    vectors, queries = random_units(count, dim, seed=1), random_units(SEARCHES, dim, seed=2)
    made = rows(vectors, first=0)
    older, newest = made[:-FRESH], made[-FRESH:]
    rate = write(store, older)
    # The first search of a process brings the rows into memory.
    store.search(DEFAULT_TENANT, queries[0], TOP_K)
    fresh = searched_fresh(store, queries, newest)
    idle = searched(store, queries)
    numpy = scanned(vectors, queries)
    return {
        "rows": store.count(),
        "dim": dim,
        "upserts_per_s": round(rate),
        "search": vars(idle),
        "search_after_writing": vars(fresh),
        "numpy": vars(numpy),
        "times_numpy": round(fresh.median_ms / numpy.median_ms, 1),
        "bound_ms": BOUND_MS,
        "within_bound": fresh.median_ms <= BOUND_MS,
    }


@click.command()
@click.option("--rows", "count", default=10_000, show_default=True, help="Rows to search among.")
@click.option("--dim", default=512, show_default=True, help="Length of a vector.")
@click.option("--uri", help="A Milvus that runs, instead of Milvus Lite.")
@JSON_OPTION
def main(count: int, dim: int, uri: str | None, out: Path | None) -> None:
    """Measure searches in the vector store beside brute force in numpy."""
    with (
        served(uri) as address,
        new_collection(address) as name,
        new_store(address, name, dim) as store,
    ):
        figures = measure(store, count, dim) | {"machine": machine(PACKAGES)}
    print(write_json(figures, out))


if __name__ == "__main__":
    main()
