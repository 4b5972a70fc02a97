"""A proxy for a real server that lets a test delay or fail uploads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

from tests.support.plain_http import PLAIN

# Hop-by-hop headers, which the proxy does not forward.
_OF_THE_CONNECTION = {"connection", "content-length", "host", "transfer-encoding"}
# Timeout of the upstream server in seconds.
_TIMEOUT_S = 60.0


class Toll:
    """Forwards requests, and calls a test's hook before each upload.

    Args:
        url: URL of the upstream server.
        on_upload: Called with an upload's number, from 1; raises ``OSError`` to abort it.
    """

    def __init__(self, url: str, on_upload: Callable[[int], None]) -> None:
        self._url = url
        self._on_upload = on_upload
        self._lock = threading.Lock()
        self._uploads = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            toll = self

            def do_GET(self) -> None:
                self.toll.carry(self)

            do_POST = do_GET  # noqa: N815 - the name that the base class calls

            def log_message(self, *args: object) -> None:
                """Log nothing; the upstream server has its own log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """URL of the proxy."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def carry(self, caller: BaseHTTPRequestHandler) -> None:
        """Forward a request to the server, and return its response."""
        body = caller.rfile.read(int(caller.headers.get("Content-Length", 0)))
        try:
            if (caller.command, caller.path.partition("?")[0]) == ("POST", "/v1/images"):
                self._on_upload(self._count())
            answer = httpx.request(
                caller.command,
                self._url + caller.path,
                content=body,
                headers=_carried(caller.headers.items()),
                timeout=_TIMEOUT_S,
                **PLAIN,
            )
        except (OSError, httpx.TransportError):
            caller.close_connection = True
            return
        caller.send_response(answer.status_code)
        for name, value in _carried(answer.headers.items()):
            caller.send_header(name, value)
        caller.send_header("Content-Length", str(len(answer.content)))
        caller.end_headers()
        caller.wfile.write(answer.content)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()

    def _count(self) -> int:
        with self._lock:
            self._uploads += 1
            return self._uploads


def _carried(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]
