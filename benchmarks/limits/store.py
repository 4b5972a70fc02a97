"""Milvus Lite alone: upserts, and searches by one caller and by several."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import Figure
from benchmarks.store.rows import TOP_K, Vectors, random_units, rows, write
from benchmarks.store.search import DIM
from benchmarks.store.servers import LITE, new_collection, new_store, served
from common.contract import DEFAULT_TENANT
from worker.stores.base import VectorStore

# Callers that search at the same time, as a search worker's threads do.
_CALLERS = (1, 8)


def measure(count: int, searches: int) -> dict[str, float]:
    """Return the rows written per second, and the searches per second by callers."""
    made, queries = rows(random_units(count, DIM, seed=1)), random_units(searches, DIM, seed=2)
    with (
        served(LITE, None) as address,
        new_collection(address) as name,
        new_store(address, name, DIM) as store,
    ):
        found = {"upserts": write(store, made)}
        # The first search of a process loads the rows into memory.
        store.search(DEFAULT_TENANT, queries[0], TOP_K)
        for callers in _CALLERS:
            found[f"searches, {callers} at a time"] = _searches_per_s(store, queries, callers)
    return found


def _searches_per_s(store: VectorStore, queries: Vectors, callers: int) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(lambda query: store.search(DEFAULT_TENANT, query, TOP_K), queries))
    return len(queries) / (time.perf_counter() - begun)


def figures(found: dict[str, float]) -> list[Figure]:
    """Return the rates."""
    return [
        Figure(name, rate, "rows/s" if name == "upserts" else "searches/s")
        for name, rate in found.items()
    ]
