"""Recall and latency of searches among many rows.

Exact search with numpy over the same vectors determines the true nearest rows.
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
# The kinds of vectors, as named in the figures.
KINDS = LIKE_PICTURES, RANDOM = "like pictures", "random"

# Lower bound on recall at ten.
_RECALL_MIN = 0.98
# Directions in which pictures mostly differ: the order of magnitude of photograph embeddings; the
# other dimensions carry little.
_MAIN_DIRECTIONS = 24
# Length of the component outside those directions, as a share of the vector's length.
_REST = 0.3
# Seconds to wait for a server to build its index.
_INDEX_S = 600.0


def vectors_of(kind: str, count: int, seed: int) -> Vectors:
    """Return unit vectors: float32 [count, dim]."""
    return _like_pictures(count, seed) if kind == LIKE_PICTURES else random_units(count, DIM, seed)


def _like_pictures(count: int, seed: int) -> Vectors:
    """Return unit vectors that mostly vary in few directions: float32 [count, dim]."""
    axes = np.random.default_rng(0).standard_normal((_MAIN_DIRECTIONS, DIM), dtype=np.float32)
    source = np.random.default_rng(seed)
    coordinates = source.standard_normal((count, _MAIN_DIRECTIONS), dtype=np.float32)
    return unit(unit(coordinates @ unit(axes)) + _REST * random_units(count, DIM, seed + 1))


def measure(store: VectorStore, vectors: Vectors, queries: Vectors, many: int) -> dict[str, Any]:
    """Return recall and latencies for the default number of hits and for many, by that number."""
    return {str(hits): _measure(store, vectors, queries, hits) for hits in (TOP_K, many)}


def _measure(store: VectorStore, vectors: Vectors, queries: Vectors, hits: int) -> dict[str, Any]:
    # The first search of each size is slow.
    store.search(DEFAULT_TENANT, queries[0], hits)
    ms = [timed_ms(store.search, DEFAULT_TENANT, query, hits) for query in queries]
    return {"recall": float(np.mean([_share(store, vectors, q, hits) for q in queries])), "ms": ms}


def _share(store: VectorStore, vectors: Vectors, query: Vectors, hits: int) -> float:
    found = {int(hit.id, 16) for hit in store.search(DEFAULT_TENANT, query, hits)}
    return len(found.intersection(nearest(vectors, query, hits))) / hits


def indexed(uri: str, collection: str) -> None:
    """Wait until a server has indexed all rows."""
    client = MilvusClient(uri, timeout=60, dedicated=True)
    client.flush(collection)

    def finished() -> bool:
        index = client.describe_index(collection, "vector")
        return index.get("state") == "Finished" and int(index.get("pending_index_rows", 0)) == 0

    wait_for(finished, _INDEX_S, "the index")
    client.refresh_load(collection)
    client.close()


def figures(kind: str, measured: dict[str, Any]) -> list[Figure]:
    """Return the figures of one kind of vectors; recall at ten has a bound for pictures."""
    found = []
    for hits, one in measured.items():
        bound = _RECALL_MIN if (kind, hits) == (LIKE_PICTURES, str(TOP_K)) else None
        found.append(Figure(f"{kind}, recall at {hits}", one["recall"], "", at_least=bound))
        found += latency_figures(f"{kind}, {hits} hits", one["ms"])
    return found
