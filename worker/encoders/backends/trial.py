"""Trials: which backend embeds faster on this machine, measured once and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from worker.encoders.backends.base import Backend
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers
from worker.measurement import Measurement

# Pictures per batch, and a text of the usual length.
_BATCH = 8
_TEXT = "a photo of a white dog"
# Turns of each backend at least and at most, and seconds after which no further turn begins.
_TURNS_MIN, _TURNS_MAX = 3, 20
_BUDGET_S = 3.0
# Raised when earlier results are not to be trusted: those of 1 were measured beside other trials.
_VERSION = 2
# Packages whose version can change the result.
_PACKAGES = ("openvino", "torch")


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a trial.

    Attributes:
        backend: Name of the backend to use.
        seconds: Seconds for one picture or one text, by backend; empty if only one can run.
    """

    backend: str
    seconds: dict[str, float]


def trial_of(
    towers: Towers, compute: Compute, cache_dir: Path, *, bulk: bool, compiled: bool
) -> Measurement:
    """Return the trial of this model on this machine."""
    versions = (version(package) for package in _PACKAGES)
    facts = [_VERSION, compute.runs_on, towers.name, towers.revision, bulk, compiled, *versions]
    return Measurement.of(cache_dir, "backends", *facts)


def recall(measurement: Measurement) -> Trial | None:
    """Return the remembered trial; None if there is none, or the file is damaged."""
    try:
        found = measurement.recall() or {}
        trial = Trial(str(found["backend"]), dict(found["seconds"]))
    except (ValueError, KeyError, TypeError):
        return None
    return trial if trial.backend in ("openvino", "torch") else None


def seconds_of(backends: Mapping[str, Backend], towers: Towers, *, bulk: bool) -> dict[str, float]:
    """Return the seconds that each backend takes for one picture in bulk, or for one text.

    The backends take turns, and the fastest turn of each counts: noise only slows a turn down.

    Raises:
        EncoderError: A backend failed.
    """
    prepare = _pictures if bulk else _text
    turns = {name: prepare(backend, towers) for name, backend in backends.items()}
    for turn in turns.values():
        # The first one is slow: it compiles, or plans.
        turn()
    seconds = {name: float("inf") for name in turns}
    began = time.perf_counter()
    for count in range(_TURNS_MAX):
        if count >= _TURNS_MIN and time.perf_counter() - began > _BUDGET_S:
            break
        for name, turn in turns.items():
            seconds[name] = min(seconds[name], turn())
    return seconds


def _pictures(backend: Backend, towers: Towers) -> Callable[[], float]:
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, *towers.image_size, 3), np.uint8)
    batches = [pixels] * backend.concurrency

    def turn() -> float:
        with ThreadPoolExecutor(backend.concurrency) as threads:
            began = time.perf_counter()
            list(threads.map(backend.embed_images, batches))
            return (time.perf_counter() - began) / (_BATCH * len(batches))

    return turn


def _text(backend: Backend, towers: Towers) -> Callable[[], float]:
    embed = partial(backend.embed_texts, towers.tokenize([_TEXT]))

    def turn() -> float:
        began = time.perf_counter()
        embed()
        return time.perf_counter() - began

    return turn
