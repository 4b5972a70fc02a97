"""Rows to fill a store with, and exact search among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.contract import DEFAULT_TENANT, ImageRecord
from common.rfc3339 import rfc3339
from worker.stores.base import Row, VectorStore

# Hits of a search, the default of the API.
TOP_K = 10
# Rows per write, the size of an ingest worker's batch.
_BATCH = 32

Vectors = NDArray[np.float32]


def random_units(count: int, dim: int, seed: int) -> Vectors:
    """Return random unit vectors, float32 [count, dim]: the hardest case for an index."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    return unit(vectors)


def unit(vectors: Vectors) -> Vectors:
    """Return the vectors scaled to length 1: float32 [count, dim]."""
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def rows(vectors: Vectors, first: int = 0) -> list[Row]:
    """Make rows from vectors, with ids numbered from ``first``."""
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
    for start in range(0, len(batch), _BATCH):
        store.upsert(batch[start : start + _BATCH])
    return len(batch) / (time.perf_counter() - begun)


def nearest(vectors: Vectors, query: Vectors, count: int) -> list[int]:
    """Return the indices of the nearest vectors, best first, by brute force."""
    scores = vectors @ query  # [rows]
    best = np.argpartition(-scores, count)[:count]
    order: list[int] = best[np.argsort(-scores[best])].tolist()
    return order


def timed_ms(call: Callable[..., object], *args: object) -> float:
    """Call, and return the milliseconds it took."""
    begun = time.perf_counter()
    call(*args)
    return (time.perf_counter() - begun) * 1000
