"""Requests that the API takes for those of other machines, though they come from this one."""

from __future__ import annotations

import httpx


class Relay(httpx.BaseTransport):
    """Sends requests as a proxy does, which names itself in ``Via``.

    The API serves requests of its own machine while there are no keys, but none of these.

    Args:
        name: The name of the program.
        inner: Sends the requests; None for connections of its own.
    """

    def __init__(self, name: str, inner: httpx.BaseTransport | None = None) -> None:
        self._via = f"1.1 {name}"
        self._inner = inner or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        request.headers["Via"] = self._via
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
