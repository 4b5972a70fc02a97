"""The benchmarks of stores."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import require
from tests.support.quick_benchmarks import latencies, quick
from tests.support.services import MilvusLite, MilvusServer, Valkey

SEARCH = {
    *latencies("search", "search right after writing", "numpy"),
    "upserts",
    "search right after writing / numpy, p50",
}

CONDITIONS = (
    *("indexed_at", "metadata"),
    *("taken_at, half", "camera, a quarter", "near, a sixth"),
    *("nested, sizes and tags", "nested, photo info"),
)

PAGES = {
    *latencies(
        "the newest 100",
        "100 in the middle",
        "1,000 in the middle",
        "all of a seldom tag",
        "a tag that none has",
    ),
    "all pages of 1,000",
}

FILTERS = {
    *latencies("no filter", *CONDITIONS),
    *(f"{name} / no filter, p50" for name in CONDITIONS),
}


def recall(kind: str) -> set[str]:
    few, many = f"{kind}, 10 hits", f"{kind}, 50 hits"
    return {f"{kind}, recall at 10", f"{kind}, recall at 50", *latencies(few, many)}


def test_indexes_of_a_server(tmp_path: Path) -> None:
    require(MilvusServer)
    assert quick("bench-scale", tmp_path, ONLY="index") == {
        "scale-index: index": {
            f"{kind}, 1,200 vectors, {what}"
            for kind in ("FLAT", "HNSW")
            for what in (
                *("recall at 10", "search, p50", "build", "build, processor time"),
                *("memory of the server", "memory before loading"),
            )
        }
    }


def test_reads_as_of_a_mark(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusServer)
    when = ("right after writing", "beside a large job", "beside a job for each batch")
    kinds = ("as of the mark", "strong")
    assert quick("bench-scale", tmp_path, ONLY="reads") == {
        "scale-reads: reads": {
            *(f"{kind}: missed right after writing" for kind in kinds),
            *latencies(*(f"{kind}: {name}" for kind in kinds for name in when)),
            *latencies("reading the marks"),
        }
    }


# Last, since the server runs until the end of the file.
def test_both_kinds_of_store(tmp_path: Path, milvus_server: MilvusServer) -> None:
    require(MilvusLite)
    levels = ("Strong", "Bounded", "Session", "Eventually")
    measured = quick("bench-store", tmp_path, MILVUS_URI=milvus_server.uri)
    for store in ("lite", "milvus"):
        assert measured.pop(f"store-{store}: search") == SEARCH
        assert measured.pop(f"store-{store}: pages") == PAGES
        assert measured.pop(f"store-{store}: filters") == FILTERS
        assert measured.pop(f"store-{store}: recall, like pictures") == recall("like pictures")
    assert measured == {
        "store-milvus: recall, random": recall("random"),
        "store-milvus: consistency": {
            *(f"{level}: found right after writing" for level in levels),
            *latencies(*(f"{level}: right after writing" for level in levels)),
            *latencies(*(f"{level}: idle" for level in levels)),
        },
    }
