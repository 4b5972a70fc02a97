"""How many of the nearest rows a search finds among many, and how long it takes.

    python -m benchmarks.recall --rows 100000 --server milvus --json out.json

Exact search by numpy over the same vectors tells which rows are the nearest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from benchmarks.figures import Figure, percentile, table
from benchmarks.machine import machine
from benchmarks.milvus import new_collection, new_store, served
from benchmarks.report import JSON_OPTION, write_json
from benchmarks.store_search import PACKAGES, random_units, rows
from common.contract import DEFAULT_TENANT
from tests.support.polling import wait_for
from tests.support.services import MilvusLite, MilvusServer
from worker.stores.base import VectorStore

# The least part of the ten nearest that a search may find.
_RECALL_MIN = 0.98
# Hits of a search, few and many.
_FEW, _MANY = 10, 1000
# Searches of each measure.
_SEARCHES = 200
# Rows of one write; larger ones only save time here.
_BATCH = 200
# Length of a vector, as of ViT-B/32.
_DIM = 512
# Directions in which pictures mostly differ: what embeddings of photographs have, by the order
# of magnitude; the rest of the dimensions carries little.
_MAIN_DIRECTIONS = 24
# What lies outside of them, as a share of a vector's length.
_REST = 0.3
# Seconds that a server may take to build its index.
_INDEX_S = 600.0

# What may be measured, by the names of the option.
_SERVERS: dict[str, type[MilvusLite] | type[MilvusServer]] = {
    "lite": MilvusLite,
    "milvus": MilvusServer,
}

Vectors = NDArray[np.float32]


def like_pictures(count: int, seed: int) -> Vectors:
    """Return unit vectors that mostly differ in few directions: float32 [count, dim]."""
    axes = np.random.default_rng(0).standard_normal((_MAIN_DIRECTIONS, _DIM), dtype=np.float32)
    source = np.random.default_rng(seed)
    places = source.standard_normal((count, _MAIN_DIRECTIONS), dtype=np.float32)
    vectors = places @ (axes / np.linalg.norm(axes, axis=1, keepdims=True))
    vectors = _unit(vectors) + _REST * random_units(count, _DIM, seed + 1)
    return _unit(vectors)


def _unit(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def measure(store: VectorStore, vectors: Vectors, queries: Vectors) -> dict[str, Any]:
    """Return recall and latency of few hits and of many."""
    exact = [_nearest(vectors, query, _MANY) for query in queries]
    return {str(count): _measure(store, queries, exact, count) for count in (_FEW, _MANY)}


def _measure(
    store: VectorStore, queries: Vectors, exact: list[list[int]], count: int
) -> dict[str, float]:
    # The first search of its size is slow.
    store.search(DEFAULT_TENANT, queries[0], count)
    found, ms = [], []
    for query in queries:
        begun = time.perf_counter()
        hits = store.search(DEFAULT_TENANT, query, count)
        ms.append((time.perf_counter() - begun) * 1000)
        found.append({int(hit.id, 16) for hit in hits})
    shares = [
        len(ids.intersection(nearest[:count])) / count
        for ids, nearest in zip(found, exact, strict=True)
    ]
    return {
        "recall": float(np.mean(shares)),
        "median_ms": percentile(ms, 50),
        "p95_ms": percentile(ms, 95),
    }


def _nearest(vectors: Vectors, query: Vectors, count: int) -> list[int]:
    scores = vectors @ query  # [rows]
    best = np.argpartition(-scores, count)[:count]
    order: list[int] = best[np.argsort(-scores[best])].tolist()
    return order


def fill(store: VectorStore, vectors: Vectors) -> None:
    """Write vectors; their ids count from 0."""
    for start in range(0, len(vectors), _BATCH):
        store.upsert(rows(vectors[start : start + _BATCH], first=start))


def indexed(uri: str, collection: str) -> None:
    """Return once a server has all rows in its index; Milvus Lite has none to wait for."""
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
    for count, one in measured.items():
        bound = _RECALL_MIN if kind == "like pictures" and int(count) == _FEW else None
        found.append(Figure(f"{kind}, recall at {count}", one["recall"], "", at_least=bound))
        found.append(Figure(f"{kind}, {count} hits, median", one["median_ms"], "ms"))
        found.append(Figure(f"{kind}, {count} hits, p95", one["p95_ms"], "ms"))
    return found


@click.command()
@click.option("--rows", "count", default=100_000, show_default=True, help="Rows to search among.")
@click.option("--server", type=click.Choice(list(_SERVERS)), default="lite", show_default=True)
@JSON_OPTION
def main(count: int, server: str, out: Path | None) -> None:
    """Measure recall against exact search: on vectors like pictures', and on the hardest."""
    kinds: dict[str, Callable[[int, int], Vectors]] = {
        "like pictures": like_pictures,
        "random": lambda count, seed: random_units(count, _DIM, seed),
    }
    raw = {}
    for kind, make in kinds.items():
        with (
            served(None, _SERVERS[server]) as uri,
            new_collection(uri) as name,
            new_store(uri, name, _DIM) as store,
        ):
            vectors = make(count, 1)
            fill(store, vectors)
            if server == "milvus":
                indexed(uri, name)
            raw[kind] = measure(store, vectors, make(_SEARCHES, 7))
        print(table(f"{server}, {count} rows", figures(kind, raw[kind])), flush=True)
    write_json(raw | {"machine": machine(PACKAGES)}, out)


if __name__ == "__main__":
    main()
