"""Latency of a search with conditions on the fields of rows, beside one without."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.figures import Figure, latency_figures, percentile
from benchmarks.store.rows import TOP_K, random_units, rows, timed_ms, write
from common.contract import DEFAULT_TENANT
from common.filters.model import Filter
from common.images.photo_info import Location, PhotoInfo
from worker.stores.as_of import reading_as_of
from worker.stores.base import Row, VectorStore

# Length of a vector; small, so that conditions cost most of a search.
DIM = 32
# The first day on which a picture was taken; one is taken every minute, around Munich.
_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_LATITUDE, _LONGITUDE, _DEGREES = 48.137, 11.575, 1.0
_CAMERAS = ("Canon EOS 5D", "NIKON D90", "Apple iPhone 12", "SONY ILCE-7M3")
# Words of a description, about as long as those of press photographs.
_WORDS = 60
_NONE = "no filter"


def measure(store: VectorStore, count: int, reads: int) -> dict[str, Any]:
    """Fill an empty store with pictures of cameras; return the latencies by filter."""
    write(store, [_taken(row, at) for at, row in enumerate(rows(random_units(count, DIM, seed=1)))])
    queries = random_units(reads, DIM, seed=2)
    middle = (_FIRST_DAY + timedelta(minutes=count // 2)).isoformat()
    asked: dict[str, dict[str, Any]] = {
        _NONE: {},
        "indexed_at": {"indexed_at": {"gte": datetime.fromtimestamp(0, UTC).isoformat()}},
        "taken_at, half": {"taken_at": {"gte": middle}},
        "camera, a quarter": {"camera": _CAMERAS[0]},
        "near, a sixth": {"near": {"latitude": _LATITUDE, "longitude": _LONGITUDE, "km": 45}},
        "metadata": {"metadata.album": {"gte": ""}},
        "nested, sizes and tags": {
            "or": [{"width": {"gte": 1}}, {"and": [{"height": 1}, {"tags": {"any": ["x"]}}]}],
            "not": {"or": [{"format": "GIF"}, {"tags": {"all": ["x", "y"]}}]},
        },
        "nested, photo info": {
            "or": [{"camera": _CAMERAS[0]}, {"not": {"taken_at": {"lt": middle}}}]
        },
    }
    wanted = {name: Filter.model_validate(each) for name, each in asked.items()}
    ms: dict[str, list[float]] = {name: [] for name in wanted}
    # The first search of a process loads the rows into memory.
    store.search(DEFAULT_TENANT, queries[0], TOP_K)
    mark = store.read_mark()
    # Reads of a task do not wait for the server's clock either.
    with reading_as_of({mark.collection: mark.time} if mark else {}):
        for query in queries:
            # In turns, so that other programs slow all of them alike.
            for name, each in wanted.items():
                ms[name].append(timed_ms(store.search, DEFAULT_TENANT, query, TOP_K, 0, each))
    return {"ms": ms}


def _taken(row: Row, number: int) -> Row:
    draw = random.Random(number)
    photo = PhotoInfo(
        taken_at=(_FIRST_DAY + timedelta(minutes=number)).isoformat(),
        camera=_CAMERAS[number % len(_CAMERAS)],
        lens="EF50mm f/1.8 STM",
        orientation=1,
        location=Location(
            latitude=_LATITUDE + draw.uniform(-_DEGREES, _DEGREES),
            longitude=_LONGITUDE + draw.uniform(-_DEGREES, _DEGREES),
            altitude=519,
        ),
        description=" ".join(f"word{draw.randrange(1000)}" for _ in range(_WORDS)),
        keywords=[f"keyword {draw.randrange(1000)}" for _ in range(10)],
    )
    update = {"photo": photo, "metadata": {"album": f"album {number % 100}"}}
    return replace(row, record=row.record.model_copy(update=update))


def figures(measured: dict[str, Any]) -> list[Figure]:
    """Return the latencies, and each median as a multiple of that without a filter."""
    ms = measured["ms"]
    plain = percentile(ms[_NONE], 50)
    return [
        *(figure for name, each in ms.items() for figure in latency_figures(name, each)),
        *(
            Figure(f"{name} / {_NONE}, p50", percentile(each, 50) / plain, "times")
            for name, each in ms.items()
            if name != _NONE
        ),
    ]
