"""Latency of a search, also right after writes, compared with brute force in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Figure, latency_figures, percentile
from benchmarks.store.rows import TOP_K, Vectors, nearest, random_units, rows, timed_ms, write
from common.contract import DEFAULT_TENANT
from worker.stores.base import Row, VectorStore

# Upper bound on the median with Milvus Lite and 10,000 rows, in milliseconds.
_LITE_MS_MAX = 15.0
# Length of a vector, as of ViT-B/32.
DIM = 512
# Rows written right before each search in the second measurement.
_FRESH = 100


def measure(store: VectorStore, count: int, searches: int) -> dict[str, Any]:
    """Fill an empty store; return rows written per second and all latencies."""
    vectors, queries = random_units(count, DIM, seed=1), random_units(searches, DIM, seed=2)
    made = rows(vectors)
    per_s = write(store, made[:-_FRESH])
    # The first search of a process loads the rows into memory.
    store.search(DEFAULT_TENANT, queries[0], TOP_K)
    return {
        "upserts_per_s": per_s,
        "after_writing_ms": _after_writing(store, queries, made[-_FRESH:]),
        "idle_ms": [timed_ms(store.search, DEFAULT_TENANT, query, TOP_K) for query in queries],
        "numpy_ms": [timed_ms(nearest, vectors, query, TOP_K) for query in queries],
    }


def _after_writing(store: VectorStore, queries: Vectors, fresh: Sequence[Row]) -> list[float]:
    """Time searches, each right after writing rows, and check that a fresh row is found.

    Raises:
        RuntimeError: A row that was just written was not found.
    """
    ms = []
    for at, query in enumerate(queries):
        store.upsert(fresh)
        ms.append(timed_ms(store.search, DEFAULT_TENANT, query, TOP_K))
        newest = fresh[at % len(fresh)]
        if store.search(DEFAULT_TENANT, newest.vector, 1)[0].id != newest.record.id:
            raise RuntimeError("A row that was just written was not found.")
    return ms


def figures(measured: dict[str, Any], is_lite: bool) -> list[Figure]:
    """Return the latencies; the medians of Milvus Lite have a bound."""
    bound = _LITE_MS_MAX if is_lite else None
    after, numpy = measured["after_writing_ms"], measured["numpy_ms"]
    return [
        Figure("upserts", measured["upserts_per_s"], "rows/s"),
        *latency_figures("search", measured["idle_ms"], bound),
        *latency_figures("search right after writing", after, bound),
        *latency_figures("numpy", numpy),
        Figure(
            "search right after writing / numpy, p50",
            percentile(after, 50) / percentile(numpy, 50),
            "times",
        ),
    ]
