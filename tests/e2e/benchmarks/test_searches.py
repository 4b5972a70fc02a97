"""The benchmarks of searches and of the API."""

from __future__ import annotations

from pathlib import Path

from benchmarks.api.requests import QUESTIONS
from tests.conftest import miss, require
from tests.support.quick_benchmarks import COSTS, latencies, quick
from tests.support.services import MilvusLite, Valkey
from tests.support.web import chromium


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
