"""A server with injected faults between the client and Glimpse."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx

from glimpse_client import Glimpse
from glimpse_client.errors import ClientError
from glimpse_client.retry import RetryPolicy
from tests.support.clock import Clock

Answer = Callable[[], httpx.Response]


class TroubledServer(httpx.BaseTransport):
    """A transport that can intercept requests to the server.

    Args:
        transport: Delivers requests to the server itself.
    """

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        # Bodies of the uploads, in order of arrival.
        self.uploads: list[bytes] = []
        # Called with an upload's number, from 1, and a function that forwards it.
        self.on_upload: Callable[[int, Answer], httpx.Response] = lambda _, answer: answer()
        # Called before a check for known images is forwarded.
        self.on_check: Callable[[], None] = lambda: None
        self.clock = Clock()
        self.said: list[ClientError] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if request.url.path == "/v1/images/check":
            self.on_check()
        if (request.method, request.url.path) != ("POST", "/v1/images"):
            return self._pass(request)
        with self._lock:
            self.uploads.append(body)
            number = len(self.uploads)
        return self.on_upload(number, lambda: self._pass(request))

    def client(self) -> Glimpse:
        """Return a client whose sleeps only advance the fake clock."""
        policy = RetryPolicy(
            60, lambda _, error: self.said.append(error), self.clock.now, self.clock.sleep
        )
        return Glimpse(retry_policy=policy, transport=self)

    def _pass(self, request: httpx.Request) -> httpx.Response:
        # One at a time: the fakes are not thread-safe.
        with self._lock:
            response = self._transport.handle_request(request)
            response.read()
            return response


def job(name: str, state: str, total: int = 0, indexed: int = 0) -> dict[str, object]:
    """Return a job in the API's form."""
    rest = {"duplicates": 0, "failed": 0, "cancelled": 0}
    return {"id": name, "state": state, "total": total, "indexed": indexed} | rest


class TakesAll:
    """Responds like a server that has no images and indexes every picture at once."""

    def __init__(self) -> None:
        self._count = 0
        self._is_complete = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to a request."""
        path = request.url.path
        if path == "/v1/images/check":
            return httpx.Response(200, json={"known": [], "missing": []})
        if path == "/v1/images":
            self._count += request.content.count(b'name="file"')
        self._is_complete |= path.endswith("/complete")
        state = "succeeded" if self._is_complete else "running"
        return httpx.Response(202, json=job("0" * 32, state, self._count, self._count))
