"""Quick runs of the benchmarks: every figure is present, whatever its value."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.api.requests import QUESTIONS
from common.contract import QUEUES
from tests.conftest import miss, require
from tests.support import revisions
from tests.support.make import ROOT, made, make
from tests.support.services import MilvusLite, MilvusServer, Valkey
from tests.support.web import chromium

# Figures that may be zero or negative: a part may use less CPU time than Linux counts, a level may
# find nothing, two engines may agree, and with so few searches the direct call may be slower.
ANY_SIZE = (
    "worst cosine",
    "processor time",
    "others on the machine",
    "found right after",
    "missed right after",
    "lost if killed",
    "embedded twice",
    "added to the direct",
    # A kill may meet no task.
    "at a kill",
    # Pictures of one colour share nothing with those of others.
    "noise",
)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run models in one thread: torch compiles them once again for each number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def quick(target: str, folder: Path, **variables: object) -> dict[str, set[str]]:
    """Run a benchmark; return the names of its figures, by file and part."""
    made(target, QUICK=1, RESULTS=folder, **variables)
    return figures_in(folder)


def figures_in(folder: Path) -> dict[str, set[str]]:
    """Return the names of the figures in a folder of results, by file and part."""
    names = {}
    for file in folder.glob("*.json"):
        for part, figures in json.loads(file.read_text())["figures"].items():
            names[f"{file.stem}: {part}"] = {figure["name"] for figure in figures}
            for figure in figures:
                value, name = figure["value"], figure["name"]
                assert math.isfinite(value), name
                assert value > 0 or any(word in name for word in ANY_SIZE), name
    return names


def latencies(*names: str) -> set[str]:
    return {f"{name}, p{share}" for name in names for share in (50, 95, 99)}


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
COSTS = {
    f"processor time, {part}"
    for part in (
        *("api", "ingest_worker", "search_worker", "valkey", "milvus", "client", "all parts"),
    )
}


def recall(kind: str) -> set[str]:
    few, many = f"{kind}, 10 hits", f"{kind}, 50 hits"
    return {f"{kind}, recall at 10", f"{kind}, recall at 50", *latencies(few, many)}


def test_retrieval_and_that_a_quick_run_is_not_published() -> None:
    run = made("bench-retrieval", QUICK=1, MODEL="hashing")
    folder = Path(run.split("Results: ")[1].splitlines()[0])
    assert not folder.is_relative_to(ROOT)
    assert {file.name for file in folder.iterdir()} == {"retrieval.json", "benchmarks.md", "plots"}
    assert figures_in(folder) == {
        "retrieval: retrieval": {
            "text to image, P@10",
            "text to image, P@10, 'a photo of a …'",
            "image to image, P@9",
            "image to image, P@10",
            "zero-shot, first category",
            "reading, preparing and encoding",
        },
        "retrieval: noise": {
            f"noise, {kind}: {what}"
            for kind in ("text", "image")
            for what in ("threshold", "noise above", "matches below")
        },
    }
    shutil.rmtree(folder)


def test_limits_and_their_page(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    socket = ("requests without a body", "bodies of 100 kB")
    pictures = ("a photograph", "a camera's picture")
    assert quick("bench-limits", tmp_path) == {
        "limits: socket": {*socket, f"{socket[1]}, throughput", *latencies(*socket)},
        "limits: redis": {"one at a time", "in pipelines of 100"},
        "limits: store": {"upserts", "searches, 1 at a time", "searches, 8 at a time"},
        "limits: decode": {*(f"{name}, each core" for name in pictures), *latencies(*pictures)},
        "limits: encoder": {f"batches of {size}, one at a time" for size in (1, 4)},
    }
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| batches of 4 |" in page
    assert "run `make bench-api`" in page
    assert (tmp_path / "plots" / "encoder.svg").exists()
    made("bench-docs", RESULTS=tmp_path, OUT=tmp_path / "again")
    assert (tmp_path / "again" / "benchmarks.md").read_text() == page


def test_a_benchmark_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    # There are no photographs in the folder.
    run = make("bench", QUICK=1, RESULTS=tmp_path, PHOTOS=tmp_path, ONLY="retrieval scale-metrics")
    assert run.returncode != 0
    assert "retrieval: FAILED with status 1" in run.stdout
    assert "scale-metrics: measured" in run.stdout
    assert figures_in(tmp_path) == {
        "scale-metrics: metrics": {
            *("ingest without metrics", "ingest with metrics"),
            *("with / without", "metrics / the rest"),
        }
    }


def test_an_unknown_benchmark_is_refused(tmp_path: Path) -> None:
    run = make("bench", QUICK=1, RESULTS=tmp_path, ONLY="unknown")
    assert run.returncode != 0
    assert "There is no benchmark 'unknown'." in run.stderr


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
            *("upload to searchable", "edit of all images", "edit / ingest"),
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


def test_engines(tmp_path: Path) -> None:
    assert quick("bench-engines", tmp_path) == {
        "engines: engines": {
            f"{engine}: {what}"
            for engine in ("torch", "torch.compile", "openvino", "onnxruntime")
            for what in (
                *("pictures", "pictures / torch", "a text", "a text / torch"),
                *("pictures, 1 - worst cosine", "texts, 1 - worst cosine"),
            )
        },
        "engines: memory": {
            f"{queue} worker, {what}: {engine}"
            for queue in QUEUES[:1]
            for what in ("memory in use", "private memory", "peak memory")
            for engine in ("openvino", "openvino / torch")
        },
    }


def test_cold_starts(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)

    def spans(*names: str) -> set[str]:
        return {f"{name}{what}" for name in names for what in ("", ", processor time")}

    assert quick("bench-cold", tmp_path) == {
        "cold-start: imports": spans("glimpse", "glimpse up", "the API", "a worker"),
        "cold-start: servers": spans("Valkey", "Milvus Lite"),
        "cold-start: hashing": spans(
            "glimpse up to ready",
            "a worker's start to its first image",
            "first glimpse up to ready on a machine",
            *(
                f"{queue} worker: {step}"
                for queue in QUEUES
                for step in ("imports", "model", "first inference")
            ),
            "ingest worker: tuning, at the first start only",
        ),
    }


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


def test_a_gpu(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        assert quick("bench-gpu", tmp_path)
        return
    run = make("bench-gpu", QUICK=1, RESULTS=tmp_path)
    assert "Error 69" in run.stderr
    assert "no CUDA device" in run.stderr
    assert not list(tmp_path.iterdir())


def test_the_benchmark_for_gpus_measures_both_parts(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    options = ["--device", "cpu", "--quick", "--json", str(tmp_path / "gpu.json")]
    subprocess.run([sys.executable, "-m", "benchmarks.gpu", *options], check=True)
    figures = json.loads((tmp_path / "gpu.json").read_text())["figures"]
    assert {part: len(found) for part, found in figures.items()} == {
        "parity": 6,
        "encoder": 6,
        "pipeline": 8,
    }
    assert all(figure["within_bound"] for figure in figures["parity"])
    assert all(figure["value"] > 0 for figure in figures["encoder"])


def test_queues(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    rates = ("rate", "processor time, worker", "processor time, all parts")
    kills = ("lost at a kill", "repeated at a kill", "back after a kill")
    assert quick("bench-queues", tmp_path) == {
        "queues: queues": {
            *(f"celery, 2 per task: {what}" for what in (*rates, *kills)),
            *(f"glimpse, from the upload on: {what}" for what in (*rates, *kills)),
            *(f"glimpse, thumbnails on request: {what}" for what in rates),
        }
    }


def test_the_guard(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    if reason := revisions.absent("HEAD"):
        miss(reason)
    assert quick("bench-guard", tmp_path, BASE="HEAD") == {
        "guard: guard": {
            f"{row}: {what}"
            for row in (
                *(f"ingest, {part}" for part in ("ingest_worker", "api", "valkey")),
                *(f"search, {part}" for part in ("search_worker", "api", "valkey", "latency")),
                *(f"poll of a job, {part}" for part in ("api", "valkey", "latency")),
                "decode and preprocess",
                *("import api.wsgi", "import worker.app:ingest"),
                *("import worker.runtime.serve", "import cli.main"),
            )
            for what in ("head / base", "from", "to")
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


@pytest.mark.parametrize("target", ["bench-ingest", "bench-search"])
def test_without_photographs_it_says_how_to_name_them(target: str, tmp_path: Path) -> None:
    run = make(target, RESULTS=tmp_path)
    assert run.returncode != 0
    assert "PHOTOS=" in run.stderr


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
