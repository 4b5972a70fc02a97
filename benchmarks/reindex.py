"""``python -m benchmarks.reindex``: a reindex beside an ingest, and searches beside it.

All photographs are indexed with one model, and then with another one by a reindex and a switch.
After that the same number of copies is uploaded, so that one run shows both. Searches follow one
another all through the reindex and through the ingest.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import httpx

from benchmarks import options, photographs, weights
from benchmarks.figures import Figure, latency_figures, percentile
from benchmarks.photographs import paths_in
from benchmarks.report import Report
from benchmarks.search.sentences import sentence
from benchmarks.stack import WatchedStack, running
from common.contract import QUEUES
from tests.support.polling import wait_for
from tests.support.services import SecondWorker, Worker

# Upper bound: the factor by which a reindex may slow searches down.
_SLOWDOWN_MAX = 3.0

# The model before the reindex; that of a quick run has no weights either.
_BEFORE, _BEFORE_QUICK = "starter", "hashing"
_AFTER_QUICK = "second"

# Searches that are timed while nothing else runs.
_IDLE_SEARCHES, _IDLE_SEARCHES_QUICK = 150, 10
# Seconds to wait for a reindex or a switch.
_TIMEOUT_S = 1800.0


class NotReindexed(RuntimeError):
    """The reindex or the switch did not complete."""


# Makes a worker of the next model from a folder, the stack's settings and a queue.
MakeWorker = Callable[[Path, Mapping[str, str], str], Worker]


def measure(
    photos: Path, before: str, model: str, make: MakeWorker, searches: int
) -> dict[str, Any]:
    """Return the seconds of the ingest, the reindex and the switch, and the searches' latencies."""
    count = len(paths_in(photos))
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        stack = exits.enter_context(WatchedStack(folder, {"GLIMPSE_MODEL": before}, photos))
        stack.warm_up()
        stack.ingest(0, count)
        idle = [_search_ms(stack.client, number) for number in range(searches)]
        exits.enter_context(
            running([make(folder / f"next-{queue}", stack.settings, queue) for queue in QUEUES])
        )
        images = _images(stack.client)
        beside: list[float] = []
        with _searching(stack.client, beside):
            started = time.perf_counter()
            _change(stack.client, "POST", "/v1/reindex", {"model": model})
            found = wait_for(lambda: _ended(stack.client, "/v1/reindex"), _TIMEOUT_S, "a reindex")
            reindex_s = time.perf_counter() - started
        if found["state"] != "complete":
            raise NotReindexed(f"The reindex ended as {found}.")
        started = time.perf_counter()
        _change(stack.client, "PUT", "/v1/models/active", {"model": model})
        switch = wait_for(lambda: _ended(stack.client, "/v1/models"), _TIMEOUT_S, "a switch")
        switch_s = time.perf_counter() - started
        if switch["state"] != "done":
            raise NotReindexed(f"The switch ended as {switch}.")
        beside_ingest: list[float] = []
        with _searching(stack.client, beside_ingest):
            ingested = stack.ingest(count, count)
        return {
            "images": images,
            "reindex_s": reindex_s,
            "switch_s": switch_s,
            "ingest": ingested.view(),
            "idle_ms": idle,
            "beside_ms": beside,
            "beside_ingest_ms": beside_ingest,
        }


@contextmanager
def _searching(client: httpx.Client, ms: list[float]) -> Iterator[None]:
    """Search all through the block, one search at a time, and add their latencies to a list."""
    stopped = threading.Event()

    def search() -> None:
        number = 100_000
        while not stopped.is_set():
            ms.append(_search_ms(client, number))
            number += 1

    with ThreadPoolExecutor(1) as thread:
        begun = thread.submit(search)
        try:
            yield
        finally:
            stopped.set()
        begun.result()


def _search_ms(client: httpx.Client, number: int) -> float:
    started = time.perf_counter()
    answer = client.post(
        "/v1/searches", json={"text": sentence(number)}, headers={"Prefer": "wait=60"}
    )
    if answer.status_code != httpx.codes.OK:
        raise NotReindexed(f"A search was answered with {answer.status_code}: {answer.text}")
    return 1000 * (time.perf_counter() - started)


def _images(client: httpx.Client) -> int:
    models = client.get("/v1/models").raise_for_status().json()["models"]
    return int(next(model["images"] for model in models if model["active"]))


def _change(client: httpx.Client, method: str, path: str, body: dict[str, str]) -> None:
    answer = client.request(method, path, json=body)
    if answer.is_error:
        raise NotReindexed(f"{method} {path} was answered with {answer.status_code}: {answer.text}")


def _ended(client: httpx.Client, path: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(path).raise_for_status().json()
    found = found.get("switch", found)
    return None if found["state"] == "running" else found


def figures(found: dict[str, Any]) -> list[Figure]:
    """Return the rates and their ratio, the time of the switch, and the slowdown of searches."""
    reindex_per_s = found["images"] / found["reindex_s"]
    ingest_per_s = found["ingest"]["images_per_s"]
    idle, beside = found["idle_ms"], found["beside_ms"]
    return [
        Figure("reindex beside searches", reindex_per_s, "images/s"),
        Figure("ingest with the same model, beside searches", ingest_per_s, "images/s"),
        Figure("time of the reindex / of the ingest", ingest_per_s / reindex_per_s, "times"),
        Figure("switch", found["switch_s"], "s"),
        *latency_figures("search, idle", idle),
        *latency_figures("search beside the reindex", beside),
        *latency_figures("search beside the ingest", found["beside_ingest_ms"]),
        Figure(
            "beside the reindex / idle, p95",
            percentile(beside, 95) / percentile(idle, 95),
            "times",
            at_most=_SLOWDOWN_MAX,
        ),
    ]


def _with(variables: Mapping[str, str]) -> MakeWorker:
    return lambda folder, settings, queue: Worker(folder, {**settings, **variables}, queue)


def _second(folder: Path, settings: Mapping[str, str], queue: str) -> Worker:
    return SecondWorker(folder, settings, queue, folder / "embedded")


@click.command()
@options.PHOTOS
@options.WEIGHTS
@options.QUICK
@options.JSON
def main(photos: Path | None, weights_file: Path | None, quick: bool, out: Path | None) -> None:
    """Time a reindex, the switch after it, and an ingest with the same model."""
    report = Report({})
    with (
        photographs.chosen(photos, quick) as folder,
        weights.chosen(weights_file, quick) as variables,
    ):
        if quick:
            found = measure(folder, _BEFORE_QUICK, _AFTER_QUICK, _second, _IDLE_SEARCHES_QUICK)
        else:
            model = variables["GLIMPSE_MODEL"]
            found = measure(folder, _BEFORE, model, _with(variables), _IDLE_SEARCHES)
    report.add("reindex", figures(found), found)
    report.write(out)


if __name__ == "__main__":
    main()
