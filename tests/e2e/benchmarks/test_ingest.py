"""The benchmarks of ingest and of what waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.quick_benchmarks import COSTS, latencies, quick
from tests.support.services import MilvusLite, Valkey


def test_ingest(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    assert quick("bench-ingest", tmp_path) == {
        "ingest: jobs": latencies(
            "job",
            "items, first 100",
            "items, 100 from the middle",
            "items, 1000 from the middle",
            "items, first 100 failed",
            "items, 1000 failed from the middle",
        ),
        "ingest: free model": {
            *("upload to searchable", "upload to searchable, decoders in threads"),
            *("edit of all images", "edit / ingest"),
            *("edit beside an ingest / alone", "ingest beside an edit / alone"),
            *(
                f"{part}, {what}"
                for part in ("api", "ingest_worker")
                for what in ("peak at 50 images", "peak at 100 images", "growth")
            ),
            *COSTS,
        },
        "ingest: encoding": {
            "tutorial: one at a time, fp32",
            "limit: the encoder alone, one batch at a time",
            "limit: the encoder alone, several at once",
            "glimpse: upload to searchable",
            "glimpse / limit",
            "glimpse / limit, several at once",
            "glimpse / tutorial",
            *COSTS,
        },
    }


def test_reindex(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    assert quick("bench-reindex", tmp_path) == {
        "reindex: reindex": {
            "reindex beside searches",
            "ingest with the same model, beside searches",
            "time of the reindex / of the ingest",
            "switch",
            *latencies("search, idle", "search beside the reindex", "search beside the ingest"),
            "beside the reindex / idle, p95",
        }
    }


def test_workers(tmp_path: Path) -> None:
    require(Valkey)
    assert quick("bench-scale", tmp_path, ONLY="workers") == {
        "scale-workers: workers": {
            *("one worker, fast store", "one worker, slow store", "slow store / fast store"),
            *("one worker, slow model", "2 workers / one", "4 workers / one"),
            "worker, peak with the slow store",
            "worker, growth by 12 large pictures at once / one decoded picture",
        }
    }


def test_thumbnails(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    assert quick("bench-scale", tmp_path, ONLY="thumbnails") == {
        "scale-thumbnails: thumbnails": {
            *(
                f"{kind}, {what}"
                for kind in ("web", "camera")
                for what in (
                    *("ingest without thumbnails", "ingest with thumbnails"),
                    *("with / without", "thumbnails / the rest"),
                )
            ),
            *(
                f"{name}, {size} px{what}"
                for name in ("JPEG", "WebP", "WebP, fastest")
                for size in (150, 300, 1024)
                for what in ("", ", time")
            ),
            *latencies("stored, 150 px", "another size, 200 px"),
            *latencies("on demand, 300 px", "on demand, 1024 px"),
        }
    }


def test_what_grows_in_redis(tmp_path: Path) -> None:
    require(Valkey)
    assert quick("bench-scale", tmp_path, ONLY="redis_bytes upkeep") == {
        "scale-redis_bytes: redis_bytes": {
            "a queued image",
            "  of that, its task",
            "a finished image",
            "its chunk's result",
            "10,000,000 finished images",
            "a search of 10 hits",
            *(
                f"a large job: {read}"
                for read in (
                    *("its counters", "the first 100 items", "1,000 from the middle"),
                    *("the first 100 failures", "the last 100 failures", "none is cancelled"),
                )
            ),
        },
        "scale-upkeep: upkeep": {
            f"{jobs}: {what}"
            for jobs in ("large jobs", "a job for each chunk")
            for what in (*("a look", "its memory", "Redis's slowest command", "tasks found lost"),)
        },
    }


# Longer than its own limits, whose errors say what did not end.
@pytest.mark.timeout(900)
def test_queues(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    rates = ("rate", "processor time, worker", "processor time, all parts")
    kills = ("lost at a kill", "repeated at a kill", "back after a kill")
    # Not forked, since it runs programs that stand beside Python.
    assert quick("bench-queues", tmp_path, forks=False) == {
        "queues: queues": {
            *(f"celery, 2 per task: {what}" for what in (*rates, *kills)),
            *(f"glimpse, from the upload on: {what}" for what in (*rates, *kills)),
            *(f"glimpse, thumbnails on request: {what}" for what in rates),
        }
    }


def test_waiters_and_fair_shares(tmp_path: Path) -> None:
    require(MilvusLite)
    assert quick("bench-scale", tmp_path, ONLY="waiters fairness") == {
        "scale-waiters: waiters": {
            f"{request} {what}"
            for request in ("/healthz", "poll of a job", "upload")
            for what in ("alone, p95", "beside 80 waiters, p95", "beside waiters / alone")
        },
        "scale-fairness: fairness": {
            "single picture, idle service",
            "images waiting of another tenant",
            "rate of the backlog",
            "a chunk of the backlog",
            "single picture beside the backlog",
            "single picture at the backlog's end",
        },
    }
