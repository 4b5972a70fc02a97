"""A client with many connections, each asking again once it is answered, in a process of its own.

    python -m benchmarks.api.client --url http://... --question poll --job ID --picture FILE

It prints JSON: the latencies, and what the client itself cost.
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

# Connections that are open at once.
CONNECTIONS = 32
# Seconds between two looks at the clock, at most, while nothing comes.
_WAIT_S = 0.1
# A connection is told once of each change: it is ready to be read, or takes more.
_CHANGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def measure(
    connections: list[Connection], requests: Iterator[bytes], seconds: float
) -> dict[str, Any]:
    """Ask for some seconds, and until there are as many answers as connections.

    Returns:
        The latencies of what was answered by then, in milliseconds, and the processor time taken.
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
    """Give the seconds that each answer took, as they come."""
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
@click.option("--job", required=True, help="Id of the job that is polled.")
@click.option("--picture", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--first", default=0, help="Number of the first picture.")
@click.option("--seconds", default=5.0, help="How long to ask.")
def main(url: str, question: str, job: str, picture: Path, first: int, seconds: float) -> None:
    """Ask, and print how long each answer took."""
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
