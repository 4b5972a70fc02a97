"""Answers malformed HTTP with problem documents and puts deadlines on slow clients.

In gunicorn, a thread reads a request from its first byte on, however slowly it arrives. Here, the
one thread that polls all connections awaits the heads of requests and the close by the client;
the other threads handle only requests whose heads are complete. Bodies and responses go through a
``ClientSocket``.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from api.http.problems import MEDIA_TYPE
from api.http.request_ids import HEADER
from api.schemas.problem import Problem
from api.server.client_socket import Bounds, ClientSocket
from api.server.thread_pool import ThreadPool
from common.errors import RequestTimeout
from common.settings import load_settings

log = logging.getLogger(__name__)

# Seconds between two signs of life. gunicorn gives one at every event, which is two system calls
# per request in the thread that all connections wait for.
_NOTIFY_EVERY_S = 1.0

# Status, code and detail of unexpected errors.
_DEFECT = (500, "internal", "Glimpse failed to process this request; see its log.")
# Responses to requests that never reach the application; the first matching class counts. No
# detail repeats the caller's input.
_REFUSALS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (RequestTimeout, 408, RequestTimeout.code, str(RequestTimeout())),
    (
        errors.LimitRequestLine,
        414,
        "uri_too_long",
        "The request line has more than 4,094 bytes. Shorten its parameters, such as a filter.",
    ),
    (
        errors.LimitRequestHeaders,
        431,
        "headers_too_large",
        "The request has too many headers, or they are too long.",
    ),
    (
        errors.ExpectationFailed,
        417,
        "expectation_failed",
        "The Expect header is not supported; send 100-continue.",
    ),
    (
        errors.UnsupportedTransferCoding,
        501,
        "not_implemented",
        "This Transfer-Encoding is not supported; send chunked.",
    ),
    (
        errors.ForbiddenProxyRequest,
        403,
        "forbidden",
        "PROXY protocol is not accepted from this address.",
    ),
    (errors.ConfigurationProblem, *_DEFECT),
    (errors.InvalidResponseHeader, *_DEFECT),
    (errors.InvalidResponseHeaderName, *_DEFECT),
    (errors.ParseException, 400, "invalid_request", "The request is malformed HTTP."),
)


class ProblemWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded gunicorn worker with client deadlines and problem documents."""

    # Requests of a process that run Python at once. With more, each costs more processor time,
    # because threads that want the interpreter's lock wake one another; with fewer, the
    # interpreter idles while they wait for Redis (docs/decisions/0056-running-requests.md).
    running_max = 4
    # Seconds after which a request begins although as many run, because they may all wait for a
    # Redis that does not answer; monitoring must not.
    wait_s = 0.25

    bounds: Bounds
    # When the next sign of life is due, by the monotonic clock.
    _notify_at = 0.0

    def notify(self) -> None:
        """Tell gunicorn's main process that this one is alive."""
        now = time.monotonic()
        if now >= self._notify_at:
            self._notify_at = now + _NOTIFY_EVERY_S
            super().notify()

    def get_thread_pool(self) -> ThreadPool:
        """Return the threads that handle the connections."""
        return ThreadPool(self.cfg.threads, self.running_max, self.wait_s)

    def load_wsgi(self) -> None:
        """Load the application and the limits for slow clients."""
        super().load_wsgi()
        settings = load_settings()
        self.bounds = Bounds(
            head_s=settings.client_head_s,
            silence_s=settings.client_silence_s,
            bytes_per_s_min=settings.client_bytes_per_s_min,
        )

    def enqueue_req(self, conn: Any) -> None:
        """Queue a connection to be handled by a thread."""
        # gunicorn's own TLS and HTTP/2, which Glimpse does not enable, read differently.
        is_plain = not self.cfg.is_ssl and self.cfg.http2_cleartext == "off"
        if is_plain and not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket.of(conn.sock, self.bounds)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> object:
        """Handle a connection with input; return what gunicorn does with it next."""
        if not isinstance(conn.sock, ClientSocket):
            return super().handle(conn)
        if conn.sock.is_leaving:
            return self._leave(conn)
        try:
            if not self._has_head(conn):
                return _DEFER if self.alive else False
        except errors.ParseException as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return self._leave(conn)
        except OSError as error:
            log.debug("api.client_lost %s", error)
            return self._leave(conn)
        conn.init()
        conn.data_ready = True
        conn.parser.unreader.unread(conn.sock.take_head())
        return super().handle(conn) or self._leave(conn)

    def handle_request(self, req: Any, conn: Any) -> object:
        """Pass a request to the application."""
        if not isinstance(conn.sock, ClientSocket):
            return super().handle_request(req, conn)
        # If the body times out, the response closes the connection.
        conn.sock.begin_request(req.force_close)
        # gunicorn sends head and body one by one, and the client would wake up for each.
        conn.sock.hold_head()
        keeps_open = super().handle_request(req, conn)
        conn.sock.send_held()
        return keeps_open

    def murder_pending(self) -> None:
        """Close pending connections that are overdue."""
        for conn in [conn for conn in self.pending_conns if _is_late(conn)]:
            if not (_owes_head(conn) and self._refuse_late(conn)):
                self.pending_conns.remove(conn)
                with suppress(OSError, KeyError, ValueError):
                    self.poller.unregister(conn.sock)
                self.nr_conns -= 1
                conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that gunicorn could not parse, or on which it failed."""
        del req
        status, code, detail = refusal(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("api.server_defect", exc_info=exc)
        else:
            log.warning("api.unreadable status=%d from=%s", status, addr[0] if addr else "")
        with suppress(OSError):
            # A client that does not read must not block the thread.
            write_nonblock(client, answer(status, code, detail))

    def _has_head(self, conn: Any) -> bool:
        # The parser has already read what followed the previous request.
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        return bool(conn.sock.receive_head(ahead))

    def _refuse_late(self, conn: Any) -> bool:
        """Answer a request whose head is overdue; return whether to await the client's close."""
        self.handle_error(None, conn.sock, conn.client, RequestTimeout())
        return bool(conn.sock.leave())

    def _leave(self, conn: Any) -> object:
        """Close a connection gracefully, awaiting the client's close without a thread."""
        return _DEFER if conn.sock.leave() and self.alive else False


def _is_late(conn: Any) -> bool:
    if isinstance(conn.sock, ClientSocket):
        return conn.sock.is_late
    return bool(conn.timeout <= time.monotonic())


def _owes_head(conn: Any) -> bool:
    """Return whether a request has begun; others may just have been opened early."""
    return isinstance(conn.sock, ClientSocket) and conn.sock.has_begun and not conn.sock.is_leaving


def refusal(error: BaseException) -> tuple[int, str, str]:
    """Return the status, code and detail of the response to a failed request."""
    for kind, status, code, detail in _REFUSALS:
        if isinstance(error, kind):
            return status, code, detail
    return _DEFECT


def answer(status: int, code: str, detail: str) -> bytes:
    """Return a complete response that closes the connection."""
    request_id = uuid.uuid4().hex
    body = json.dumps(Problem.of(status, code, detail, request_id).plain()).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{HEADER}: {request_id}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
