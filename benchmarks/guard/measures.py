"""What is measured of each side: a sample gives one number for each of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.guard.side import Side
from benchmarks.ingest.client import Client
from benchmarks.search.callers import Caller
from benchmarks.search.sentences import sentence

# A sample: values by name. Less is better.
Sample = Mapping[str, float]
# Takes a sample of a side; equal numbers of samples send equal pictures and sentences.
Measure = Callable[[Side, int], Sample]

# Ends the name of a row of wall time; all others are CPU time.
LATENCY = ", latency"
# Names of the modules that processes import before they do anything, with what the Celery command
# makes of ``worker.app``.
IMPORTS = ("api.wsgi", "worker.app:ingest", "worker.runtime.serve", "cli.main")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a sample of a service is.

    Attributes:
        pictures: Pictures that are ingested.
        searches: Searches, one after the other.
        polls: Polls of a job, one after the other.
    """

    pictures: int = 200
    searches: int = 100
    polls: int = 1000


def of_services(sizes: Sizes) -> list[Measure]:
    """Return the measures of running services."""
    return [
        partial(_ingest, sizes.pictures),
        partial(_search, sizes.searches),
        partial(_poll, sizes.polls),
    ]


def of_processes() -> list[Measure]:
    """Return the measures that start a process for each sample, which takes a second or more."""
    return [_decode, *(partial(_import, name) for name in IMPORTS)]


def _ingest(count: int, side: Side, sample: int) -> Sample:
    before = side.cpu_s()
    side.ingest(sample, count)
    return _spent(side, before, count, "ingest", ("ingest_worker", "api", "valkey"))


def _search(count: int, side: Side, sample: int) -> Sample:
    # The API closes a connection that idled while the other side had its turn.
    caller, before = Caller(side.url), side.cpu_s()
    times = [caller.search(sentence(sample * count + number)) for number in range(count)]
    spent = _spent(side, before, count, "search", ("search_worker", "api", "valkey"))
    return {**spent, f"search{LATENCY}": median(times)}


def _poll(count: int, side: Side, sample: int) -> Sample:
    del sample
    client, before, times = Client(side.url), side.cpu_s(), []
    for _ in range(count):
        begun = time.perf_counter()
        client.finished(side.job)
        times.append(1000 * (time.perf_counter() - begun))
    spent = _spent(side, before, count, "poll of a job", ("api", "valkey"))
    return {**spent, f"poll of a job{LATENCY}": median(times)}


def _decode(side: Side, sample: int) -> Sample:
    del sample
    return {"decode and preprocess": side.tree.run("decode", str(side.pictures))["cpu_ms"]}


def _import(name: str, side: Side, sample: int) -> Sample:
    del sample
    return {f"import {name}": side.tree.run("import", name)["cpu_ms"]}


def _spent(
    side: Side, before: Mapping[str, float], count: int, name: str, parts: tuple[str, ...]
) -> dict[str, float]:
    """Return the CPU milliseconds of each part, for each of some pictures or requests."""
    after = side.cpu_s()
    return {f"{name}, {part}": 1000 * (after[part] - before[part]) / count for part in parts}
