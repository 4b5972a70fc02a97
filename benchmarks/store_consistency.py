"""What each consistency level of a Milvus server costs, and what it misses.

    python -m benchmarks.store_consistency --json out.json

One process writes and another one searches, as an ingest worker and a search worker do:
pymilvus keeps what ``Session`` goes by in the memory of a process. Without ``--uri`` it
starts the Milvus server 2.3.5 on a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from pymilvus import MilvusClient

from benchmarks.machine import machine
from benchmarks.milvus import new_collection, served
from benchmarks.report import JSON_OPTION, write_json
from benchmarks.store_search import (
    PACKAGES,
    TOP_K,
    Latency,
    Vectors,
    random_units,
    rows,
    write,
)
from tests.support.services import MilvusServer
from worker.stores.base import Row
from worker.stores.identity import Identity
from worker.stores.milvus.client import connect
from worker.stores.milvus.schema import VECTOR, search_params
from worker.stores.milvus.store import MilvusStore

LEVELS = ("Strong", "Bounded", "Session", "Eventually")
# Searches of each level, each right after a write, and as many with none before them.
SEARCHES = 50


def search(client: MilvusClient, name: str, vector: Vectors, level: str) -> tuple[float, str]:
    """Search; return the seconds and the best hit."""
    began = time.perf_counter()
    found = client.search(
        name,
        [vector],
        anns_field=VECTOR,
        limit=TOP_K,
        output_fields=["image_id"],
        search_params=search_params(TOP_K),
        consistency_level=level,
    )
    return time.perf_counter() - began, found[0][0]["entity"]["image_id"]


class Writer:
    """A store that is written to from a process of its own."""

    def __init__(self, *address: Any) -> None:
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_open, initargs=address
        )

    def write(self, batch: Sequence[Row]) -> None:
        """Write rows; return when they are written."""
        self._process.submit(_write, batch).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


# The store of the writer's process.
_stores: list[MilvusStore] = []


def _open(uri: str, name: str, dim: int) -> None:
    _stores.append(MilvusStore(uri, "", name, Identity("benchmark", "1", dim)))
    _stores[0].open()


def _write(batch: Sequence[Row]) -> None:
    write(_stores[0], batch)


def measure_level(
    writer: Writer, reader: MilvusClient, name: str, fresh: Vectors, first: int, level: str
) -> dict[str, Any]:
    """Search right after each of some writes, for what was written; then without writes."""
    after, missed = [], 0
    for row in rows(fresh, first):
        writer.write([row])
        seconds, best = search(reader, name, row.vector, level)
        after.append(seconds)
        missed += best != row.record.id
    idle = [search(reader, name, vector, level)[0] for vector in fresh]
    return {
        "idle": vars(Latency.of(idle)),
        "after_writing": vars(Latency.of(after)),
        "missed": f"{missed} of {SEARCHES}",
    }


def measure(uri: str, name: str, count: int, dim: int) -> dict[str, Any]:
    """Fill an empty collection and measure each level."""
    writer = Writer(uri, name, dim)
    writer.write(rows(random_units(count, dim, seed=1), first=0))
    reader = connect(uri, "")
    fresh = random_units(SEARCHES * len(LEVELS), dim, seed=2)
    search(reader, name, fresh[0], "Strong")
    figures: dict[str, Any] = {"rows": count, "dim": dim}
    for number, level in enumerate(LEVELS):
        start = number * SEARCHES
        part = fresh[start : start + SEARCHES]
        figures[level] = measure_level(writer, reader, name, part, count + start, level)
    reader.close()
    writer.close()
    return figures


@click.command()
@click.option("--rows", "count", default=10_000, show_default=True, help="Rows to search among.")
@click.option("--dim", default=512, show_default=True, help="Length of a vector.")
@click.option("--uri", help="A Milvus server that runs.")
@JSON_OPTION
def main(count: int, dim: int, uri: str | None, out: Path | None) -> None:
    """Measure the consistency levels of a Milvus server."""
    with served(uri, MilvusServer) as address, new_collection(address) as name:
        figures = measure(address, name, count, dim) | {"machine": machine(PACKAGES)}
    print(write_json(figures, out))


if __name__ == "__main__":
    main()
