"""Latency of a page of images, and a check that all pages contain every image once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.figures import Figure, latency_figures
from benchmarks.store.rows import random_units, rows, timed_ms, write
from common.contract import DEFAULT_TENANT, Place
from common.rfc3339 import milliseconds, rfc3339
from worker.stores.base import Row, VectorStore

# Length of a vector; small, since pages do not read vectors.
DIM = 32
# Milliseconds between two images, as in an ingest of a hundred images per second.
_APART_MS = 10
# One in this many images has the rare tag.
_SELDOM = 1000
# Page size, and page size when reading all pages.
_PAGE, _WALK_PAGE = 100, 1000


def measure(store: VectorStore, count: int, reads: int) -> dict[str, Any]:
    """Fill an empty store; return the latencies of some pages, and the seconds of reading all."""
    made = _dated(rows(random_units(count, DIM, seed=1)))
    write(store, made)
    middle = made[count // 2].record
    halfway = Place(indexed_at_ms=milliseconds(middle.indexed_at), id=middle.id)
    pages: dict[str, Callable[[], object]] = {
        "the newest 100": lambda: store.page(DEFAULT_TENANT, _PAGE),
        "100 in the middle": lambda: store.page(DEFAULT_TENANT, _PAGE, after=halfway),
        "1,000 in the middle": lambda: store.page(DEFAULT_TENANT, _WALK_PAGE, after=halfway),
        "all of a seldom tag": lambda: store.page(DEFAULT_TENANT, _PAGE, "seldom"),
        "a tag that none has": lambda: store.page(DEFAULT_TENANT, _PAGE, "unknown"),
    }
    return {
        "ms": {name: [timed_ms(page) for _ in range(reads)] for name, page in pages.items()},
        "all_pages_s": _walk(store, made),
    }


def _dated(made: list[Row]) -> list[Row]:
    """Set evenly spaced times that end now, and a rare tag on some rows."""
    now_ms = time.time_ns() // 1_000_000
    return [
        replace(
            row,
            record=row.record.model_copy(
                update={
                    "indexed_at": rfc3339((now_ms - _APART_MS * (len(made) - number)) / 1000),
                    "tags": ["seldom"] if number % _SELDOM == 0 else ["holiday"],
                }
            ),
        )
        for number, row in enumerate(made)
    ]


def _walk(store: VectorStore, made: list[Row]) -> float:
    """Read all pages; return the seconds.

    Raises:
        RuntimeError: An image is duplicated, missing or out of order.
    """
    begun = time.perf_counter()
    found: list[str] = []
    after: Place | None = None
    while True:
        records, after = store.page(DEFAULT_TENANT, _WALK_PAGE, after=after)
        found += [record.id for record in records]
        if after is None:
            break
    seconds = time.perf_counter() - begun
    if found != [row.record.id for row in reversed(made)]:
        raise RuntimeError("The pages do not contain every image exactly once, newest first.")
    return seconds


def figures(measured: dict[str, Any]) -> list[Figure]:
    """Return the latencies of each page, and the time to read all pages."""
    pages = [figure for name, ms in measured["ms"].items() for figure in latency_figures(name, ms)]
    return [*pages, Figure("all pages of 1,000", measured["all_pages_s"], "s")]
