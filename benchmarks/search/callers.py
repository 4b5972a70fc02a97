"""Concurrent callers that search over HTTP, in their own process.

    python -m benchmarks.search.callers --url http://... --callers 8 --count 400

Each has one connection, and sends its next search once it has the hits of the previous one.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import click

from benchmarks.search.sentences import sentence

# Seconds a caller waits for its hits.
_WAIT_S = 20
# Socket timeout of a caller, in seconds.
_TIMEOUT_S = 60.0


class SearchFailed(RuntimeError):
    """A search did not return hits in time."""


class Caller:
    """One caller with a persistent connection.

    Args:
        url: Base URL of the service.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=_TIMEOUT_S)
        self._http.connect()

    def search(self, text: str) -> float:
        """Return the milliseconds from sending a search to receiving its hits.

        Raises:
            SearchFailed: The search returned an error or no hits.
        """
        headers = {"Content-Type": "application/json", "Prefer": f"wait={_WAIT_S}"}
        begun = time.perf_counter()
        self._http.request("POST", "/v1/searches", json.dumps({"text": text}), headers)
        answer = self._http.getresponse()
        body = answer.read()
        taken_ms = (time.perf_counter() - begun) * 1000
        if answer.status != http.HTTPStatus.OK or not json.loads(body)["hits"]:
            raise SearchFailed(f"{answer.status}: {body.decode(errors='replace')[:500]}")
        return taken_ms


def measure(url: str, callers: int, texts: Iterator[str]) -> list[float]:
    """Return the latency of each search, in milliseconds."""
    with ThreadPoolExecutor(callers) as threads:
        taken = threads.map(
            lambda caller: [caller.search(text) for text in texts], _made(url, callers)
        )
        return [ms for each in taken for ms in each]


def _made(url: str, callers: int) -> list[Caller]:
    return [Caller(url) for _ in range(callers)]


class Texts:
    """An iterator of sentences, shared by several threads.

    Args:
        first: Number of the first sentence.
        count: Number of sentences.
        same: Whether to repeat the first sentence.
    """

    def __init__(self, first: int, count: int, same: bool) -> None:
        # Advancing a range iterator is atomic in the interpreter, so threads may share it.
        self._numbers = iter(range(first, first + count))
        self._same = first if same else None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number = next(self._numbers)
        return sentence(number if self._same is None else self._same)


@click.command()
@click.option("--url", required=True)
@click.option("--callers", default=1, help="Concurrent callers.")
@click.option("--first", default=0, help="Number of the first sentence.")
@click.option("--count", required=True, type=int, help="Total searches.")
@click.option("--same", default=False, type=bool, help="Whether to repeat one sentence.")
def main(url: str, callers: int, first: int, count: int, same: bool) -> None:
    """Search; print the latencies, the seconds in all and the client's own CPU time as JSON."""
    cpu, begun = time.process_time(), time.perf_counter()
    ms = measure(url, callers, Texts(first, count, same))
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    print(json.dumps({"ms": ms, "seconds": seconds, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
