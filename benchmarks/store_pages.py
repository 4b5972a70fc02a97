"""How long a page of images takes, and that all pages together have every image once.

    python -m benchmarks.store_pages --rows 100000 --json out.json

Without ``--uri`` it starts Milvus Lite, the embedded default, on a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import machine
from benchmarks.milvus import new_collection, new_store, served
from benchmarks.report import JSON_OPTION, write_json
from benchmarks.store_search import (
    PACKAGES,
    Latency,
    random_units,
    rows,
    write,
)
from common.contract import DEFAULT_TENANT, Place
from common.rfc3339 import milliseconds, rfc3339
from worker.stores.base import Row, VectorStore

# Milliseconds between two images: an ingest at a hundred a second.
APART_MS = 10
# One image in so many carries the seldom tag.
SELDOM = 1000
# Times that each page is read.
READS = 20
# Images of a page, and of a page of the whole walk.
PAGE, WALK_PAGE = 100, 1000


def dated(made: list[Row]) -> list[Row]:
    """Give rows times that end now, and some of them a tag."""
    now_ms = time.time_ns() // 1_000_000
    return [
        replace(
            row,
            record=row.record.model_copy(
                update={
                    "indexed_at": rfc3339((now_ms - APART_MS * (len(made) - number)) / 1000),
                    "tags": ["seldom"] if number % SELDOM == 0 else ["holiday"],
                }
            ),
        )
        for number, row in enumerate(made)
    ]


def timed(read: Callable[[], object]) -> dict[str, float]:
    """Time a page."""
    seconds = []
    for _ in range(READS):
        began = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - began)
    return vars(Latency.of(seconds))


def walk(store: VectorStore, made: list[Row]) -> float:
    """Read all pages; return the seconds.

    Raises:
        RuntimeError: An image came twice, not at all, or out of its order.
    """
    began = time.perf_counter()
    found: list[str] = []
    after: Place | None = None
    while True:
        records, after = store.page(DEFAULT_TENANT, WALK_PAGE, after=after)
        found += [record.id for record in records]
        if after is None:
            break
    seconds = time.perf_counter() - began
    if found != [row.record.id for row in reversed(made)]:
        raise RuntimeError("The pages do not have every image once, newest first.")
    return seconds


def measure(store: VectorStore, count: int, dim: int) -> dict[str, Any]:
    """Fill an empty store and read its pages."""
    made = dated(rows(random_units(count, dim, seed=1), first=0))
    write(store, made)
    middle = made[count // 2].record
    halfway = Place(indexed_at_ms=milliseconds(middle.indexed_at), id=middle.id)
    return {
        "rows": store.count(),
        "dim": dim,
        "first_page": timed(lambda: store.page(DEFAULT_TENANT, PAGE)),
        "page_halfway": timed(lambda: store.page(DEFAULT_TENANT, PAGE, after=halfway)),
        "page_of_1000": timed(lambda: store.page(DEFAULT_TENANT, WALK_PAGE, after=halfway)),
        "seldom_tag": timed(lambda: store.page(DEFAULT_TENANT, PAGE, "seldom")),
        "unknown_tag": timed(lambda: store.page(DEFAULT_TENANT, PAGE, "nobody's")),
        "all_pages_s": round(walk(store, made), 1),
    }


@click.command()
@click.option("--rows", "count", default=100_000, show_default=True, help="Images to list.")
@click.option("--dim", default=512, show_default=True, help="Length of a vector.")
@click.option("--uri", help="A Milvus that runs, instead of Milvus Lite.")
@JSON_OPTION
def main(count: int, dim: int, uri: str | None, out: Path | None) -> None:
    """Measure lists of images."""
    with (
        served(uri) as address,
        new_collection(address) as name,
        new_store(address, name, dim) as store,
    ):
        figures = measure(store, count, dim) | {"machine": machine(PACKAGES)}
    print(write_json(figures, out))


if __name__ == "__main__":
    main()
