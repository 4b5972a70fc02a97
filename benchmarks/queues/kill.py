"""What is lost and what is done twice when a worker is killed and started again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from benchmarks.ingest.client import upload
from benchmarks.photographs import Photographs
from benchmarks.queues.bench import Bench, NotDone
from benchmarks.queues.counted_worker import EMBEDDED
from benchmarks.stack import WatchedStack

# Share of the pictures that are indexed when the worker is killed.
_SHARE = 0.25
# Share of the seconds until the rest is lost after which another picture arrives: one tool looks
# for a dead worker's tasks only when a new one comes.
_TRAFFIC_SHARE = 1 / 12
# Seconds between looks at what is done.
_POLL_S = 0.02
# Seconds to reach that share.
_BEGIN_S = 300.0


def kill_tool(bench: Bench, first: int, count: int, lost_s: float) -> dict[str, Any]:
    """Kill a tool's worker in the middle of its work; what is not done after a time is lost.

    Raises:
        NotDone: It did not get as far as that.
    """
    rows, embedded = bench.rows(), bench.embedded()
    with ThreadPoolExecutor() as threads:
        sending = threads.submit(bench.send, first, count)
        bench.wait(lambda: bench.rows() - rows >= _SHARE * count, _BEGIN_S)
        bench.worker.kill()
        killed = time.monotonic()
        bench.worker.start()
        sending.result()
    more = _wait_beside_traffic(bench, rows, first, count, lost_s)
    back_s = time.monotonic() - killed
    indexed = bench.rows() - rows
    return {
        "lost": count + more - indexed,
        "repeated": bench.embedded() - embedded - indexed,
        "back_s": back_s,
    }


def _wait_beside_traffic(bench: Bench, rows: int, first: int, count: int, lost_s: float) -> int:
    """Wait for all pictures, and send single ones meanwhile; return how many those were."""
    begun, more = time.monotonic(), 0
    while True:
        with suppress(NotDone):
            bench.wait(partial(_has, bench, rows + count + more), _TRAFFIC_SHARE * lost_s)
            return more
        if time.monotonic() - begun > lost_s:
            return more
        bench.send(first + count + more, 1)
        more += 1


def _has(bench: Bench, rows: int) -> bool:
    return bench.rows() >= rows


def kill_glimpse(
    stack: WatchedStack, photographs: Photographs, first: int, count: int
) -> dict[str, Any]:
    """Kill Glimpse's ingest worker in the middle of its work."""
    ids = list(photographs.ids(first, count))
    before = _embedded(stack)
    with ThreadPoolExecutor() as threads:
        sending = threads.submit(upload, stack.api.url, photographs, first, count)
        while len(ids) - _missing(stack, ids) < _SHARE * count and not sending.done():
            time.sleep(_POLL_S)
        stack.ingest_worker.kill()
        killed = time.monotonic()
        stack.ingest_worker.start()
        sending.result()
    back_s, lost = time.monotonic() - killed, _missing(stack, ids)
    repeated = _embedded(stack) - before - (len(ids) - lost)
    return {"lost": lost, "repeated": repeated, "back_s": back_s}


def _missing(stack: WatchedStack, ids: list[str]) -> int:
    """Return how many pictures are not searchable."""
    answer = stack.client.post("/v1/images/check", json={"ids": ids})
    return len(answer.raise_for_status().json()["missing"])


def _embedded(stack: WatchedStack) -> int:
    """Return how many pictures the workers embedded."""
    with stack.redis.connect() as client:
        return int(client.get(EMBEDDED) or 0)
