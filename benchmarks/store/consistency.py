"""Latency and missed writes of each consistency level of a Milvus server.

One process writes and another searches, as an ingest worker and a search worker do: pymilvus
keeps the state of ``Session`` consistency in process memory.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from pymilvus import MilvusClient

from benchmarks.figures import Figure, latency_figures
from benchmarks.store.rows import TOP_K, Vectors, random_units, rows, write
from common.vector_index import VectorIndex
from worker.stores.base import Row
from worker.stores.identity import Identity
from worker.stores.milvus.client import connect
from worker.stores.milvus.index import search_params
from worker.stores.milvus.schema import VECTOR
from worker.stores.milvus.store import MilvusStore

# Length of a vector, as of ViT-B/32.
_DIM = 512
_INDEX = VectorIndex.of("AUTOINDEX")
_LEVELS = ("Strong", "Bounded", "Session", "Eventually")


class Writer:
    """Writes to a store from another process."""

    def __init__(self, *address: Any) -> None:
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_open, initargs=address
        )

    def write(self, batch: Sequence[Row]) -> None:
        """Write rows and wait until they are written."""
        self._process.submit(_write, batch).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


# The store, in the writer's process.
_stores: list[MilvusStore] = []


def _open(uri: str, name: str, dim: int) -> None:
    _stores.append(MilvusStore(uri, "", name, Identity("benchmark", "1", dim)))
    _stores[0].open()


def _write(batch: Sequence[Row]) -> None:
    write(_stores[0], batch)


def measure(uri: str, name: str, count: int, searches: int) -> dict[str, Any]:
    """Create and fill a collection, and measure each level."""
    writer = Writer(uri, name, _DIM)
    writer.write(rows(random_units(count, _DIM, seed=1)))
    reader = connect(uri, "")
    fresh = random_units(searches * len(_LEVELS), _DIM, seed=2)
    _search(reader, name, fresh[0], "Strong")
    measured = {}
    for number, level in enumerate(_LEVELS):
        start = number * searches
        part = rows(fresh[start : start + searches], first=count + start)
        measured[level] = _level(writer, reader, name, part, level)
    reader.close()
    writer.close()
    return measured


def _level(
    writer: Writer, reader: MilvusClient, name: str, fresh: Sequence[Row], level: str
) -> dict[str, Any]:
    """Search for each row right after writing it, then again without writes."""
    after, missed = [], 0
    for row in fresh:
        writer.write([row])
        ms, best = _search(reader, name, row.vector, level)
        after.append(ms)
        missed += best != row.record.id
    idle = [_search(reader, name, row.vector, level)[0] for row in fresh]
    return {"found": 1 - missed / len(fresh), "after_writing_ms": after, "idle_ms": idle}


def _search(client: MilvusClient, name: str, vector: Vectors, level: str) -> tuple[float, str]:
    """Search; return the milliseconds and the best hit."""
    begun = time.perf_counter()
    found = client.search(
        name,
        [vector],
        anns_field=VECTOR,
        limit=TOP_K,
        output_fields=["image_id"],
        search_params=search_params(_INDEX, TOP_K),
        consistency_level=level,
    )
    return (time.perf_counter() - begun) * 1000, found[0][0]["entity"]["image_id"]


def figures(measured: dict[str, Any]) -> list[Figure]:
    """Return each level's share of fresh rows found, and its latencies."""
    found = []
    for level, one in measured.items():
        found.append(Figure(f"{level}: found right after writing", 100 * one["found"], "%"))
        found += latency_figures(f"{level}: right after writing", one["after_writing_ms"])
        found += latency_figures(f"{level}: idle", one["idle_ms"])
    return found
