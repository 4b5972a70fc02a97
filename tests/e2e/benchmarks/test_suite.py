"""What all benchmarks share: where results go, their page, and failures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.make import ROOT, made, make
from tests.support.quick_benchmarks import figures_in, latencies, quick
from tests.support.services import MilvusLite, Valkey


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


@pytest.mark.parametrize("target", ["bench-ingest", "bench-search"])
def test_without_photographs_it_says_how_to_name_them(target: str, tmp_path: Path) -> None:
    run = make(target, RESULTS=tmp_path)
    assert run.returncode != 0
    assert "PHOTOS=" in run.stderr
