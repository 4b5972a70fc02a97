"""The benchmarks of searches, stores and the API."""

from __future__ import annotations

from pathlib import Path

from benchmarks.api.requests import QUESTIONS
from tests.conftest import miss, require
from tests.support.quick_benchmarks import COSTS, latencies, quick
from tests.support.services import MilvusLite, MilvusServer, Valkey
from tests.support.web import chromium

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


def test_searches_on_photographs(tmp_path: Path, photos: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    assert quick("bench-search", tmp_path, PHOTOS=photos) == {
        "search: search": {
            *latencies(
                *("direct call", "direct call, encoding", "direct call, searching"),
                *(
                    f"glimpse, {callers}, {when}"
                    for callers in ("1 caller", "32 callers")
                    for when in ("idle", "beside ingest")
                ),
                "glimpse, 1 caller, one sentence again and again",
            ),
            "added to the direct call, p50",
            "limit: the encoder alone, batches of 32 texts",
            "32 callers",
            "32 callers / limit",
            "beside ingest / idle, p95",
        },
        "search: processor time": {
            f"{callers}: {cost}"
            for callers in ("1 caller", "32 callers")
            for cost in COSTS - {"processor time, all parts"}
        },
    }


def test_the_page_over_a_library(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    if reason := chromium.absent():
        miss(reason)
    assert quick("bench-scale", tmp_path, ONLY="page") == {
        "scale-page: page": {
            f"{count} images: {act}, {what}"
            for count in (50, 200)
            for act in ("opened", "searched")
            for what in ("first picture", "whole window")
        }
    }


def test_requests_a_second_of_the_api(tmp_path: Path) -> None:
    require(Valkey)
    (names,) = quick("bench-api", tmp_path).values()
    for question in QUESTIONS.values():
        assert {question.name, f"{question.name}: a bare view"} <= names


def test_peers(tmp_path: Path) -> None:
    contestants = ("Glimpse", "Milvus tutorial")
    assert quick("bench-peers", tmp_path) == {
        "peers: peers": {
            *(
                f"{name}: {what}"
                for name in contestants
                for what in (
                    *("to searchable", "peak memory", "cold start"),
                    *("lost if killed", "embedded twice"),
                    *(
                        f"search {when}, p{n}"
                        for when in ("idle", "beside ingest")
                        for n in (50, 99)
                    ),
                )
            ),
            "Milvus tutorial: Glimpse is faster by",
        }
    }


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
