"""Requests that are sent when they are due, whether or not earlier ones were answered."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from cli.bulk.daemon_pool import DaemonPool
from glimpse_client import GlimpseError, Unavailable

# Code of requests that were not answered by the end.
UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Sample:
    """A request: when it was due and when it was answered, and the code if it failed."""

    due_s: float
    answered_s: float
    code: str | None = None

    @property
    def latency_s(self) -> float:
        """Seconds from when it was due, also if it was sent later."""
        return self.answered_s - self.due_s


class Requests:
    """Requests of one kind, and what became of them; a context manager.

    If the server asks to wait (``Retry-After``), requests that become due meanwhile are not
    sent, and count as refused with the same code.

    Args:
        concurrent_max: Requests in progress; further ones wait, which counts as their latency.
    """

    def __init__(self, concurrent_max: int) -> None:
        self._pool = DaemonPool(concurrent_max)
        self._futures: list[Future[Sample]] = []
        self._held_until, self._held_code = -math.inf, ""

    def __enter__(self) -> Requests:
        self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Send no more requests; those in progress go on."""
        self._pool.__exit__(None, None, None)

    def send(self, due_s: float, call: Callable[[], object]) -> None:
        """Send a request that is due."""
        self._futures.append(self._pool.submit(self._run, due_s, call))

    def settle(self, timeout_s: float) -> None:
        """Wait until all requests are answered, at most for a time."""
        wait(self._futures, timeout_s)

    def samples(self) -> list[Sample]:
        """Return the requests so far, by when they were due."""
        now = time.monotonic()
        return [
            each.result() if each.done() else Sample(now, now, UNANSWERED) for each in self._futures
        ]

    def _run(self, due_s: float, call: Callable[[], object]) -> Sample:
        code = self._held_code if time.monotonic() < self._held_until else self._try(call)
        return Sample(due_s, time.monotonic(), code)

    def _try(self, call: Callable[[], object]) -> str | None:
        """Send a request once; return the code of its error."""
        try:
            call()
        except GlimpseError as error:
            if isinstance(error, Unavailable) and error.retry_after_s:
                self._held_code = error.code
                self._held_until = time.monotonic() + error.retry_after_s
            return error.code
        return None


def answered(samples: Sequence[Sample]) -> list[Sample]:
    """Return the requests that succeeded."""
    return [sample for sample in samples if sample.code is None]


def errors(samples: Sequence[Sample]) -> dict[str, int]:
    """Return the number of requests that failed, by code."""
    return dict(Counter(sample.code for sample in samples if sample.code is not None))
