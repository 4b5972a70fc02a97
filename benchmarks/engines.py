"""Rates of the engines that can run a model: torch, torch.compile, OpenVINO and ONNX Runtime.

    python -m benchmarks.engines --json out.json

All engines run the same towers with seeded random weights, in turns within one process, so that
noise affects them equally. Rates are those of several concurrent batches, as in an ingest worker;
a text is alone, as in a search worker.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks import options, own_process
from benchmarks.figures import Figure, middle
from benchmarks.parity import distance_figures
from benchmarks.report import Report
from benchmarks.weights import random_weights
from common.contract import QUEUES
from common.settings import Settings
from worker.encoders.backends.base import Backend
from worker.encoders.backends.conversion import converted_backend
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers

# Pictures per batch; concurrent batches per turn and stream; texts per turn.
_BATCH, _BATCHES, _TEXTS = 16, 2, 10
# A text of eight tokens, with those that begin and end it.
_TEXT = "a photo of a white dog"

# Figures of a process's memory; upper bound of OpenVINO's as multiples of torch's.
_MEMORY = {"after": "memory in use", "private": "private memory", "peak": "peak memory"}
_MEMORY_MAX = 1.5

# Images per second and milliseconds per text, by engine.
Round = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Engine:
    """A backend for pictures and one for texts, and the vectors they give.

    Attributes:
        images: Shares the cores among its batches.
        texts: Has all of them for one text.
    """

    images: Backend
    texts: Backend


class OnnxBackend:
    """ONNX Runtime with the towers exported by torch; a candidate only, see decision 0024.

    Args:
        towers: The loaded model.
        compute: How many batches share the cores.
        folder: Receives the exported files.
    """

    name = "onnxruntime"

    def __init__(self, towers: Towers, compute: Compute, folder: Path) -> None:
        self.concurrency = compute.concurrency
        self.precision = "fp32"
        self.device = "cpu"
        self.runs_on = compute.runs_on
        height, width = towers.image_size
        pixels = torch.zeros(2, height, width, 3, dtype=torch.uint8)
        tokens = torch.from_numpy(towers.tokenize([_TEXT, _TEXT]))
        self._images = _session(towers.images, pixels, folder / "images.onnx", [0])
        self._texts = _session(towers.texts, tokens, folder / "texts.onnx", [0, 1])

    def embed_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the image tower: uint8 [n, height, width, 3] -> float32 [n, dim]."""
        return np.asarray(self._images.run(None, {"x": pixels})[0])

    def embed_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the text tower: int64 [n, length] -> float32 [n, dim]."""
        return np.asarray(self._texts.run(None, {"x": tokens})[0])


def _session(tower: nn.Module, example: torch.Tensor, file: Path, free: list[int]) -> Any:
    axes = {"x": {axis: f"axis{axis}" for axis in free}}
    with warnings.catch_warnings():
        # The exporter without dynamo is deprecated; it needs one package less.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower, (example,), str(file), input_names=["x"], dynamic_axes=axes, dynamo=False
        )
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = torch.get_num_threads()
    # Idle threads that spin would take the cores from the engine whose turn it is.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), chosen, ["CPUExecutionProvider"])


def engines(weights: Path, folder: Path, settings: Settings, *, quick: bool) -> dict[str, Engine]:
    """Load every engine, with a model of its own: some change its modules.

    In a quick run, one backend is for pictures and texts: compiling takes most of the time.
    """

    def load() -> Towers:
        return load_clip("random", weights)

    makers: dict[str, Callable[[Compute], Backend]] = {
        "torch": lambda compute: TorchBackend(load(), compute),
        "torch.compile": lambda compute: TorchBackend(load(), compute, compiled=True),
        "openvino": lambda compute: converted_backend(load(), compute, folder),
        "onnxruntime": lambda compute: OnnxBackend(load(), compute, folder),
    }
    found = {}
    for name, make in makers.items():
        images = make(Compute.choose(settings, bulk=True))
        found[name] = Engine(images, images if quick else make(Compute.choose(settings)))
    return found


def measure(found: Mapping[str, Engine], towers: Towers, rounds: int) -> list[Round]:
    """Run every engine once per round, in turn; the first round does not count."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (_BATCH, *towers.image_size, 3), np.uint8)
    tokens = towers.tokenize([_TEXT])
    cores = torch.get_num_threads()

    def one(engine: Engine) -> dict[str, float]:
        streams = engine.images.concurrency
        torch.set_num_threads(max(1, cores // streams))
        began = time.perf_counter()
        with ThreadPoolExecutor(streams) as threads:
            list(threads.map(engine.images.embed_images, [pixels] * streams * _BATCHES))
        rate = _BATCH * streams * _BATCHES / (time.perf_counter() - began)
        torch.set_num_threads(cores)
        began = time.perf_counter()
        for _ in range(_TEXTS):
            engine.texts.embed_texts(tokens)
        return {"images_per_s": rate, "ms": (time.perf_counter() - began) / _TEXTS * 1000}

    return [{name: one(engine) for name, engine in found.items()} for _ in range(1 + rounds)][1:]


def figures(rounds: list[Round], found: Mapping[str, Engine], towers: Towers) -> list[Figure]:
    """Return each engine's rate, time and cosines, and their ratios to torch's, as medians."""
    made = []
    for name, engine in found.items():
        rate = middle([one[name]["images_per_s"] for one in rounds])
        ms = middle([one[name]["ms"] for one in rounds])
        more = middle([one[name]["images_per_s"] / one["torch"]["images_per_s"] for one in rounds])
        less = middle([one[name]["ms"] / one["torch"]["ms"] for one in rounds])
        made += [
            Figure(f"{name}: pictures", rate, "images/s"),
            Figure(f"{name}: pictures / torch", more, "times"),
            Figure(f"{name}: a text", ms, "ms"),
            Figure(f"{name}: a text / torch", less, "times"),
            *distance_figures(name, engine.images, engine.texts, towers),
        ]
    return made


def memory_figures(
    weights: Path, settings: Settings, cache: Path, queues: Sequence[str]
) -> list[Figure]:
    """Return the memory of a worker of each queue with OpenVINO, and its ratio to torch's.

    The rates have left the converted model in the cache: conversion happens once per machine.
    """
    variables = {
        "GLIMPSE_DEVICE": settings.device,
        "GLIMPSE_PRECISION": settings.precision,
        "GLIMPSE_CACHE_DIR": str(cache),
    }
    made = []
    for queue in queues:
        seen = {
            backend: own_process.run(
                "benchmarks.engine_memory",
                {**variables, "GLIMPSE_BACKEND": backend},
                weights=weights,
                queue=queue,
            )
            for backend in ("openvino", "torch")
        }
        for what, name in _MEMORY.items():
            ours, plain = seen["openvino"][what], seen["torch"][what]
            made += [
                Figure(f"{queue} worker, {name}: openvino", ours, "MB"),
                Figure(
                    f"{queue} worker, {name}: openvino / torch",
                    ours / plain,
                    "times",
                    at_most=_MEMORY_MAX,
                ),
            ]
    return made


@click.command()
@click.option("--precision", default="auto", show_default=True, help="As GLIMPSE_PRECISION.")
@options.WEIGHTS
@options.ROUNDS
@options.QUICK
@options.JSON
def main(
    precision: Any, weights_file: Path | None, rounds: int, quick: bool, out: Path | None
) -> None:
    """Compare the engines on this machine's CPU."""
    logging.basicConfig(level="WARNING")
    # torch compiles less for float32 than for a precision that "auto" may choose.
    precision, rounds = ("fp32", 1) if quick else (precision, rounds)
    settings = Settings(device="cpu", precision=precision)
    dtype = str(Compute.choose(settings).dtype).removeprefix("torch.")
    model = "tiny" if quick else "ViT-B/32"
    report = Report({"model": model, "dtype": dtype, "batch": _BATCH, "rounds": rounds})
    with TemporaryDirectory() as folder:
        file = weights_file or random_weights(Path(folder), tiny=quick)
        found = engines(file, Path(folder), settings, quick=quick)
        towers = load_clip("random", file)
        runs = measure(found, towers, rounds)
        made = figures(runs, found, towers)
        report.add("engines", made, runs)
        queues = QUEUES[:1] if quick else QUEUES
        report.add("memory", memory_figures(file, settings, Path(folder), queues), {})
    report.write(out)


if __name__ == "__main__":
    main()
