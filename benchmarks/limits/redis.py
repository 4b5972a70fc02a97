"""Valkey alone, through the client of the API and the workers: round trips, and pipelines."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from common.redis.client import connect
from tests.support.services import Valkey

# Commands of a pipeline.
_PIPELINED = 100


def measure(commands: int) -> dict[str, float]:
    """Return the commands per second: one at a time, and in pipelines."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Valkey(Path(folder)) as service,
        connect(service.url) as redis,
    ):
        redis.set("key", "x" * 100)
        begun = time.perf_counter()
        for _ in range(commands):
            redis.get("key")
        ended = time.perf_counter()
        for _ in range(commands // _PIPELINED):
            with redis.pipeline(transaction=False) as pipeline:
                for _ in range(_PIPELINED):
                    pipeline.get("key")
                pipeline.execute()
        pipelined = time.perf_counter()
    return {
        "one at a time": commands / (ended - begun),
        f"in pipelines of {_PIPELINED}": commands / (pipelined - ended),
    }


def figures(found: dict[str, float]) -> list[Figure]:
    """Return the rates."""
    return [Figure(name, rate, "commands/s") for name, rate in found.items()]
