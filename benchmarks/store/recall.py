"""How many of the nearest rows a search finds among many, and how long it takes.

Exact search by numpy over the same vectors says which rows are the nearest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pymilvus import MilvusClient

from benchmarks.figures import Figure, latency_figures
from benchmarks.store.rows import TOP_K, Vectors, nearest, random_units, timed_ms, unit
from common.contract import DEFAULT_TENANT
from tests.support.polling import wait_for
from worker.stores.base import VectorStore

# Length of a vector, as of ViT-B/32.
DIM = 512
# The kinds of vectors, by the names of the figures.
KINDS = LIKE_PICTURES, RANDOM = "like pictures", "random"

# The least part of the ten nearest that a search may find.
_RECALL_MIN = 0.98
# Directions in which pictures mostly differ: what embeddings of photographs have, by the order
# of magnitude; the rest of the dimensions carries little.
_MAIN_DIRECTIONS = 24
# What lies outside of them, as a share of a vector's length.
_REST = 0.3
# Seconds that a server may take to build its index.
_INDEX_S = 600.0


def vectors_of(kind: str, count: int, seed: int) -> Vectors:
    """Return unit vectors: float32 [count, dim]."""
    return _like_pictures(count, seed) if kind == LIKE_PICTURES else random_units(count, DIM, seed)


def _like_pictures(count: int, seed: int) -> Vectors:
    """Return unit vectors that mostly differ in few directions: float32 [count, dim]."""
    axes = np.random.default_rng(0).standard_normal((_MAIN_DIRECTIONS, DIM), dtype=np.float32)
    source = np.random.default_rng(seed)
    places = source.standard_normal((count, _MAIN_DIRECTIONS), dtype=np.float32)
    return unit(unit(places @ unit(axes)) + _REST * random_units(count, DIM, seed + 1))


def measure(store: VectorStore, vectors: Vectors, queries: Vectors, many: int) -> dict[str, Any]:
    """Return recall and latencies of the usual number of hits and of many, by that number."""
    return {str(hits): _measure(store, vectors, queries, hits) for hits in (TOP_K, many)}


def _measure(store: VectorStore, vectors: Vectors, queries: Vectors, hits: int) -> dict[str, Any]:
    # The first search of its size is slow.
    store.search(DEFAULT_TENANT, queries[0], hits)
    ms = [timed_ms(store.search, DEFAULT_TENANT, query, hits) for query in queries]
    return {"recall": float(np.mean([_share(store, vectors, q, hits) for q in queries])), "ms": ms}


def _share(store: VectorStore, vectors: Vectors, query: Vectors, hits: int) -> float:
    found = {int(hit.id, 16) for hit in store.search(DEFAULT_TENANT, query, hits)}
    return len(found.intersection(nearest(vectors, query, hits))) / hits


def indexed(uri: str, collection: str) -> None:
    """Return once a server has all rows in its index."""
    client = MilvusClient(uri, timeout=60, dedicated=True)
    client.flush(collection)

    def look() -> bool:
        index = client.describe_index(collection, "vector")
        return index.get("state") == "Finished" and int(index.get("pending_index_rows", 0)) == 0

    wait_for(look, _INDEX_S, "the index")
    client.refresh_load(collection)
    client.close()


def figures(kind: str, measured: dict[str, Any]) -> list[Figure]:
    """Return the figures of one kind of vectors; that of few hits has a bound for pictures."""
    found = []
    for hits, one in measured.items():
        bound = _RECALL_MIN if (kind, hits) == (LIKE_PICTURES, str(TOP_K)) else None
        found.append(Figure(f"{kind}, recall at {hits}", one["recall"], "", at_least=bound))
        found += latency_figures(f"{kind}, {hits} hits", one["ms"])
    return found
