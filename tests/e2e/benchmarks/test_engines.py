"""The benchmarks of engines, starts and revisions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.guard.side import Side
from benchmarks.guard.tree import NotMeasured, Tree
from common.contract import QUEUES
from tests.conftest import miss, require
from tests.support import revisions
from tests.support.make import make
from tests.support.pictures import picture
from tests.support.quick_benchmarks import quick
from tests.support.services import MilvusLite, Valkey
from tests.support.services.forked import stand_in_for_benchmarks


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
    subprocess.run([stand_in_for_benchmarks(), "-m", "benchmarks.gpu", *options], check=True)
    figures = json.loads((tmp_path / "gpu.json").read_text())["figures"]
    assert {part: len(found) for part, found in figures.items()} == {
        "parity": 6,
        "encoder": 6,
        "pipeline": 9,
    }
    assert all(figure["within_bound"] for figure in figures["parity"])
    assert all(figure["value"] > 0 for figure in figures["encoder"])


def test_the_guard(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    if reason := revisions.absent("HEAD"):
        miss(reason)
    # Not forked, since each side runs its own code.
    assert quick("bench-guard", tmp_path, forks=False, BASE="HEAD", ROUNDS=1) == {
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


def test_a_commit_that_does_not_start_is_not_compared(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    pictures = tmp_path / "pictures"
    (pictures / "red").mkdir(parents=True)
    (pictures / "red" / "1.jpg").write_bytes(picture("red"))
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    empty = Tree("base", tmp_path, sys.executable)
    with pytest.raises(NotMeasured, match=r"(?s)base does not start: .*No module named"):
        Side(empty, tmp_path / "data", pictures, []).__enter__()
