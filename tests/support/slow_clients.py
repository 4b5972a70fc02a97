"""Deliberately slow clients, many at once, for tests of a real server."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

# Seconds within which a server must have dropped a client.
HANGS_AFTER_S = 60.0
# Bytes read at a time and a client's receive buffer; small, so that a paused reader soon blocks
# the server.
_READ_BYTES = 64 * 1024
# Pause of a slow client between sends or reads, in seconds.
_PAUSE_S = 0.1


def connect(url: str) -> socket.socket:
    """Return a connection with a small receive buffer."""
    host, port = url.removeprefix("http://").split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_BYTES)
    client.settimeout(HANGS_AFTER_S)
    client.connect((host, int(port)))
    return client


def request(line: str, kind: str = "", body_bytes: int | None = None) -> bytes:
    """Return the head of a request."""
    length = "" if body_bytes is None else f"Content-Length: {body_bytes}\r\n"
    content = f"Content-Type: {kind}\r\n" if kind else ""
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{content}{length}\r\n".encode()


def read_to_end(client: socket.socket) -> bytes:
    """Return everything the server sends until it closes or resets the connection."""
    answer = bytearray()
    try:
        while data := client.recv(_READ_BYTES):
            answer += data
    except ConnectionError:
        # Return the data received before the error.
        return bytes(answer)
    return bytes(answer)


def problem(answer: bytes) -> tuple[int, str]:
    """Return an answer's status and code, and check that it closes the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    assert b"connection: close" in head.lower(), answer
    document = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % document["status"])
    return document["status"], document["code"]


class Crowd:
    """Clients that all send the same bytes.

    Args:
        url: URL of the server.
        count: Number of clients.
        sent: Bytes that each sends on connecting.
    """

    def __init__(self, url: str, count: int, sent: bytes) -> None:
        self.clients = [connect(url) for _ in range(count)]
        for client in self.clients:
            client.sendall(sent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self.clients:
            client.close()

    def answers(self) -> list[bytes]:
        """Return everything each client receives until its connection ends."""
        return [read_to_end(client) for client in self.clients]

    def trickle(self, data: bytes, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Send a byte from each client at intervals until the server has responded to all.

        Args:
            data: Bytes to send, repeated.
            meanwhile: Called once all clients have sent a byte.
        """
        deadline = time.monotonic() + HANGS_AFTER_S
        sending, turn = list(self.clients), 0
        while sending:
            assert time.monotonic() < deadline, f"{len(sending)} clients were not given up"
            answered, _, _ = select.select(sending, [], [], _PAUSE_S)
            sending = [client for client in sending if client not in answered]
            for client in sending:
                client.send(data[turn % len(data) :][:1])
            if turn == 0:
                meanwhile()
            turn += 1


def send_slowly(client: socket.socket, data: bytes, piece_bytes: int) -> None:
    """Send data in pieces, with a pause after each."""
    for begin in range(0, len(data), piece_bytes):
        client.sendall(data[begin : begin + piece_bytes])
        time.sleep(_PAUSE_S)


def read_slowly(client: socket.socket, piece_bytes: int) -> bytes:
    """Read in pieces, with a pause after each, until the server closes."""
    answer = bytearray()
    while data := client.recv(piece_bytes, socket.MSG_WAITALL):
        answer += data
        time.sleep(_PAUSE_S)
    return bytes(answer)
