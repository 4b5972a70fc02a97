"""Clients that are slow on purpose, many at once, against a real server."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

# Seconds after which a server that should have given up a client counts as hanging.
HANGS_AFTER_S = 60.0
# Bytes read at a time, and the size of a client's buffer: a reader that pauses is felt soon.
_READ_BYTES = 64 * 1024
# Seconds between two things that a slow client sends.
_PAUSE_S = 0.1


def connect(url: str) -> socket.socket:
    """Return a connection whose buffer holds little."""
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
    """Return all that the server says until it closes or breaks off."""
    answer = bytearray()
    try:
        while data := client.recv(_READ_BYTES):
            answer += data
    except ConnectionError:
        # What came before it counts.
        return bytes(answer)
    return bytes(answer)


def problem(answer: bytes) -> tuple[int, str]:
    """Return status and code of an answer, and check that it is the last."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    assert b"connection: close" in head.lower(), answer
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % told["status"])
    return told["status"], told["code"]


class Crowd:
    """Clients that all send the same.

    Args:
        url: The server's.
        count: How many there are.
        sent: What each sends at once.
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
        """Return what each is told until its connection ends."""
        return [read_to_end(client) for client in self.clients]

    def trickle(self, data: bytes, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Go on sending bytes, one now and then from each, until the server has told all to stop.

        Args:
            data: What is sent, over and over.
            meanwhile: Called once all have sent a byte.
        """
        deadline = time.monotonic() + HANGS_AFTER_S
        sending, turn = list(self.clients), 0
        while sending:
            assert time.monotonic() < deadline, f"{len(sending)} clients were not given up"
            told, _, _ = select.select(sending, [], [], _PAUSE_S)
            sending = [client for client in sending if client not in told]
            for client in sending:
                client.send(data[turn % len(data) :][:1])
            if turn == 0:
                meanwhile()
            turn += 1


def send_slowly(client: socket.socket, data: bytes, piece_bytes: int) -> None:
    """Send all of something, a piece now and then."""
    for begin in range(0, len(data), piece_bytes):
        client.sendall(data[begin : begin + piece_bytes])
        time.sleep(_PAUSE_S)


def read_slowly(client: socket.socket, piece_bytes: int) -> bytes:
    """Read until the server closes, a piece now and then."""
    answer = bytearray()
    while data := client.recv(piece_bytes, socket.MSG_WAITALL):
        answer += data
        time.sleep(_PAUSE_S)
    return bytes(answer)
