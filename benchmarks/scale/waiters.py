"""The API while many callers wait: two processes, one of them with all its places taken.

No search worker runs, so a place is held until the caller's wait ends.
"""

from __future__ import annotations

import http.client
import itertools
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks.figures import Figure, Measured, percentile
from tests.support.pictures import jpeg
from tests.support.plain_http import PLAIN
from tests.support.services import Valkey
from tests.support.services.glimpse import two_apis

# Callers with `Prefer: wait`, and callers that ask about images, as many as there are places.
_WAITERS, _ASKERS = 64, 16
# Seconds that a caller asks to wait: longer than the measurement.
_WAIT_S = 600
# Upper bound on a request's p95 beside waiters, as a multiple of that without.
_TIMES_MAX = 2.0
_NAMES = ("alone", f"beside {_WAITERS + _ASKERS} waiters")

_numbers = itertools.count()


def measure(quick: bool) -> Measured:
    """Send the same requests to both processes, in turns."""
    requests = 5 if quick else 500
    times: dict[str, list[list[float]]] = defaultdict(lambda: [[], []])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(Valkey(folder / "redis"))
        settings = {
            "GLIMPSE_REDIS_URL": redis.url,
            "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
            "GLIMPSE_WAIT_S_MAX": str(_WAIT_S),
            "GLIMPSE_WAITS_MAX": str(_WAITERS),
            "GLIMPSE_CATALOG_WAITS_MAX": str(_ASKERS),
            "GLIMPSE_MAX_WAIT_S": "1e9",
            "WEB_CONCURRENCY": "1",
        }
        urls = [api.url for api in stack.enter_context(two_apis(folder, settings))]
        clients = [
            stack.enter_context(httpx.Client(base_url=url, timeout=60, **PLAIN)) for url in urls
        ]
        stack.enter_context(_waiters(urls[1]))
        job = _upload(clients[0]).headers["Location"]
        for number in range(requests):
            # Both orders, so that neither process profits from being second.
            for which in (0, 1) if number % 2 else (1, 0):
                _time_each(clients[which], job, which, times)
    return Measured(list(_figures(times)), times)


def _figures(times: dict[str, list[list[float]]]) -> Iterator[Figure]:
    for name, both in times.items():
        p95s = [percentile(ms, 95) for ms in both]
        for which, p95 in zip(_NAMES, p95s, strict=True):
            yield Figure(f"{name} {which}, p95", p95, "ms")
        yield Figure(
            f"{name} beside waiters / alone",
            p95s[1] / p95s[0],
            "times",
            at_most=_TIMES_MAX,
            scales="per API process; a waiter holds a thread and two connections to Redis",
        )


def _time_each(
    client: httpx.Client, job: str, which: int, times: dict[str, list[list[float]]]
) -> None:
    kinds: dict[str, Callable[[], httpx.Response]] = {
        "/healthz": lambda: client.get("/healthz"),
        "poll of a job": lambda: client.get(job),
        "upload": lambda: _upload(client),
    }
    for name, send in kinds.items():
        begun = time.perf_counter()
        send().raise_for_status()
        times[name][which].append((time.perf_counter() - begun) * 1000)


def _upload(client: httpx.Client) -> httpx.Response:
    # Bytes after the end of a JPEG make it another image.
    data = jpeg(0) + str(next(_numbers)).encode()
    return client.post("/v1/images", files={"file": ("a.jpg", data)})


@contextmanager
def _waiters(url: str) -> Iterator[None]:
    """Keep all places of a process taken."""
    over = threading.Event()
    parts = urlsplit(url)

    def begin(path: str, body: str | None = None) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=_WAIT_S)
        headers = {"Content-Type": "application/json", "Prefer": f"wait={_WAIT_S}"}
        connection.request("POST" if body else "GET", path, body, headers)
        return connection

    def ask() -> None:
        while not over.is_set():
            # No worker answers: the place is held for as long as the API waits.
            connection = begin("/v1/images")
            connection.getresponse().read()
            connection.close()

    searches = [begin("/v1/searches", json.dumps({"text": "a dog"})) for _ in range(_WAITERS)]
    with ThreadPoolExecutor(_ASKERS) as threads:
        for _ in range(_ASKERS):
            threads.submit(ask)
        # The process reads all requests within this time.
        time.sleep(1)
        yield
        over.set()
    for connection in searches:
        connection.close()
