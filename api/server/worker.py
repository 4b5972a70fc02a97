"""gunicorn's worker, which tells what is no HTTP in our words, and waits for nobody for ever.

A thread of gunicorn's reads a request from its first byte on, however slowly it
comes. Here the head of a request, and the client's end of a connection, are awaited
by the one thread that watches all connections; the others take up requests whose
heads are whole. Their bodies and answers pass a ``ClientSocket``.
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
from common.errors import RequestTimeout
from common.settings import load_settings

log = logging.getLogger(__name__)

# What is said of each kind of request that never reaches the application; the first that
# fits counts. None of it repeats what the caller sent.
_REFUSALS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (RequestTimeout, 408, RequestTimeout.code, str(RequestTimeout())),
    (errors.LimitRequestLine, 414, "uri_too_long", "The request line is too long."),
    (errors.LimitRequestHeaders, 431, "headers_too_large", "The headers are too many or too long."),
    (errors.ExpectationFailed, 417, "expectation_failed", "What Expect asks for is not known."),
    (
        errors.UnsupportedTransferCoding,
        501,
        "not_implemented",
        "This Transfer-Encoding is not read.",
    ),
    (errors.ForbiddenProxyRequest, 403, "forbidden", "No proxy may send requests from there."),
    (errors.ConfigurationProblem, 500, "internal", "Glimpse failed on this request."),
    (errors.InvalidResponseHeader, 500, "internal", "Glimpse failed on this request."),
    (errors.InvalidResponseHeaderName, 500, "internal", "Glimpse failed on this request."),
    (errors.ParseException, 400, "invalid_request", "The request is not HTTP as it should be."),
)
_DEFECT = (500, "internal", "Glimpse failed on this request; its log says more.")


class ProblemWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves as gunicorn's own does, but is patient within bounds and answers with problems."""

    bounds: Bounds

    def load_wsgi(self) -> None:
        """Load the application, and the bounds of its clients."""
        super().load_wsgi()
        settings = load_settings()
        self.bounds = Bounds(
            head_s=settings.client_head_s,
            silence_s=settings.client_silence_s,
            bytes_per_s_min=settings.client_bytes_per_s_min,
        )

    def enqueue_req(self, conn: Any) -> None:
        """Have a connection seen to by a thread."""
        # TLS and HTTP/2 of gunicorn's own, which Glimpse does not turn on, read in other ways.
        is_plain = not self.cfg.is_ssl and self.cfg.http2_cleartext == "off"
        if is_plain and not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket.of(conn.sock, self.bounds)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> object:
        """See to a connection on which something has come; tell what it is to wait for."""
        if not isinstance(conn.sock, ClientSocket):
            return super().handle(conn)
        if conn.sock.is_leaving:
            return self._see_off(conn)
        try:
            if not self._has_head(conn):
                return _DEFER if self.alive else False
        except errors.ParseException as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return self._see_off(conn)
        except OSError as error:
            log.debug("api.client_lost %s", error)
            return self._see_off(conn)
        conn.init()
        conn.data_ready = True
        conn.parser.unreader.unread(conn.sock.take_head())
        return super().handle(conn) or self._see_off(conn)

    def handle_request(self, req: Any, conn: Any) -> object:
        """Have the application answer a request."""
        if isinstance(conn.sock, ClientSocket):
            # Where its body is late, the answer says that it is the last.
            conn.sock.begin_request(req.force_close)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """End the waits, in no thread, for what should have come by now."""
        for conn in [conn for conn in self.pending_conns if _is_late(conn)]:
            if not (_owes_head(conn) and self._refuse_late(conn)):
                self.pending_conns.remove(conn)
                with suppress(OSError, KeyError, ValueError):
                    self.poller.unregister(conn.sock)
                self.nr_conns -= 1
                conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that gunicorn could not read, or that broke it."""
        del req
        status, code, detail = refusal(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("api.server_defect", exc_info=exc)
        else:
            log.warning("api.unreadable status=%d from=%s", status, addr[0] if addr else "")
        with suppress(OSError):
            # A client that does not read must not hold up the thread.
            write_nonblock(client, answer(status, code, detail))

    def _has_head(self, conn: Any) -> bool:
        # What came behind the last request is no longer in the socket.
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        return bool(conn.sock.receive_head(ahead))

    def _refuse_late(self, conn: Any) -> bool:
        """Answer where a head is late; return whether the client is still to leave."""
        self.handle_error(None, conn.sock, conn.client, RequestTimeout())
        return bool(conn.sock.leave())

    def _see_off(self, conn: Any) -> object:
        """Close a connection as HTTP wants it, waiting for the client's end in no thread."""
        return _DEFER if conn.sock.leave() and self.alive else False


def _is_late(conn: Any) -> bool:
    if isinstance(conn.sock, ClientSocket):
        return conn.sock.is_late
    return bool(conn.timeout <= time.monotonic())


def _owes_head(conn: Any) -> bool:
    """Tell whether a request has begun on a connection; others may just have been opened early."""
    return isinstance(conn.sock, ClientSocket) and conn.sock.has_begun and not conn.sock.is_leaving


def refusal(error: BaseException) -> tuple[int, str, str]:
    """Return status, code and detail of what is answered to a request that ended so."""
    for kind, status, code, detail in _REFUSALS:
        if isinstance(error, kind):
            return status, code, detail
    return _DEFECT


def answer(status: int, code: str, detail: str) -> bytes:
    """Return a whole response, after which the connection ends."""
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
