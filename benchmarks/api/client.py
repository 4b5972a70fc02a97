"""A client that keeps many connections busy, in its own process.

    python -m benchmarks.api.client --url http://... --question poll --job ID --picture FILE

It prints JSON: the latencies, and the client's own CPU time.
"""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.api.connection import Connection
from benchmarks.api.requests import QUESTIONS, read_requests

# Number of open connections.
CONNECTIONS = 32
# Longest poll in seconds, so that the deadline is checked while no data arrives.
_WAIT_S = 0.1
# Edge-triggered: epoll reports each change to readable or writable once.
_CHANGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def measure(
    connections: list[Connection], requests: Iterator[bytes], seconds: float
) -> dict[str, Any]:
    """Send requests for some seconds, and until there are as many answers as connections.

    Returns:
        The latencies of the answers received, in milliseconds, and the CPU time used.
    """
    cpu, begun = time.process_time(), time.perf_counter()
    taken_s = list(_answers(connections, requests, begun + seconds))
    return {
        "seconds": time.perf_counter() - begun,
        "ms": [round(1000 * taken, 3) for taken in taken_s],
        "cpu_s": time.process_time() - cpu,
    }


def _answers(
    connections: list[Connection], requests: Iterator[bytes], deadline: float
) -> Iterator[float]:
    """Yield the latency of each answer in seconds, as they arrive."""
    owed = len(connections)
    asking = {connection.fileno(): connection for connection in connections}
    with closing(select.epoll()) as poll:
        for number, connection in asking.items():
            connection.ask(next(requests))
            poll.register(number, _CHANGES)
        while owed > 0 or time.perf_counter() < deadline:
            for number, _ in poll.poll(_WAIT_S):
                connection = asking[number]
                connection.send()
                taken_s = connection.receive()
                if taken_s is not None:
                    yield taken_s
                    owed -= 1
                    connection.ask(next(requests))


@click.command()
@click.option("--url", required=True)
@click.option("--question", type=click.Choice(list(QUESTIONS)), required=True)
@click.option("--job", required=True, help="Id of the job to poll.")
@click.option("--picture", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--first", default=0, help="Number of the first picture.")
@click.option("--seconds", default=5.0, help="How long to send requests.")
def main(url: str, question: str, job: str, picture: Path, first: int, seconds: float) -> None:
    """Send requests, and print the latencies as JSON."""
    parts = urlsplit(url)
    address = str(parts.hostname), int(parts.port or 80)
    requests = read_requests(question, job, picture, first)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(Connection(address, QUESTIONS[question].status)))
            for _ in range(CONNECTIONS)
        ]
        print(json.dumps(measure(connections, requests, seconds)))


if __name__ == "__main__":
    main()
